// Performs a plan. The order is what makes it safe:
//
// State       entered by                                  what lies there
// marked      the marker is written                       the old cluster, or nothing
// disarmed    pg_control is removed                       the old cluster, from which PostgreSQL does not start
// cleared     all the rest is removed; with --delta       nothing; with --delta files that may be right
//             what the backup does not have
// written     every file, label, setting and signal       a cluster without pg_control: PostgreSQL does not start
// durable     every file and directory is synced          the same, and it survives a power loss
// complete    pg_control is renamed into place            a cluster that starts in recovery only
//
// pg_control itself names no checkpoint, so that without backup_label PostgreSQL cannot start either. Whatever stops a
// restore before `complete` leaves the marker, by which the next one knows that the rest is ours to remove.
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "../base/context.ts";
import { HindsightError, systemErrorCode } from "../base/errors.ts";
import { type BytePath, ROOT_PATH, textPath } from "../model/byte-path.ts";
import { failure } from "../model/failure.ts";
import { PARTIAL_CLUSTER_FILE, type PartialCluster } from "../model/partial-cluster.ts";
import type { CopyProgress } from "../model/progress.ts";
import { invalidateCheckpoint, parseControlFile } from "../postgres/control-file.ts";
import { walSubdirectories } from "../postgres/data-directory/exclusions.ts";
import { type ManifestEntry, readManifest } from "../repository/manifest.ts";
import type { PackEntry } from "../repository/pack-format.ts";
import type { Repository } from "../repository/repository.ts";
import { rewriteAutoConf } from "./auto-conf.ts";
import { describeTarget } from "./choose-backup.ts";
import { AUTO_CONF_FILE, FileWriter, NOT_WRITTEN, type WriterOptions } from "./file-writer.ts";
import { unfinished } from "./interruption.ts";
import { denied } from "./location.ts";
import { MARKER_FILE } from "./marker.ts";
import { PackShelf } from "../repository/pack-shelf.ts";
import { CONTROL_FILE, Places, topMode } from "./places.ts";
import type { RestorePlan } from "./plan.ts";
import { readBelongings } from "./prune.ts";
import { targetSetting } from "./recovery-settings.ts";
import type { TablespacePlan } from "./tablespaces.ts";
import { WAL_DIRECTORY } from "./wal-link.ts";
import { fillWalSpool, type SpoolSource } from "./wal-spool.ts";
import { WorkerCrew } from "./worker-crew.ts";

/** Where a plan's bytes come from, and who is told how far it is. */
export interface PerformOptions {
  /** Only read. */
  readonly repository: Repository;
  readonly onProgress?: ((progress: CopyProgress) => void) | undefined;
}

/** What was done; the names are those of the JSON output (docs/cli.md). */
export interface RestoreResult {
  readonly backup: string;
  readonly target: {
    readonly type: string;
    /** "" for targets without value. */
    readonly target: string;
    readonly exclusive: boolean;
    readonly timeline: number;
  };
  readonly dataDirectory: string;
  /** Files that were written, wholly or in part. */
  readonly filesRestored: number;
  /** Files that were there already, with the content that was backed up. */
  readonly filesKept: number;
  /** Of all files. */
  readonly bytes: number;
  readonly seconds: number;
}

/**
 * Does what the plan says, and resolves when all of it is durable.
 *
 * @throws {HindsightError} with the destination unusable by PostgreSQL, as the message then says: `INTERRUPTED`,
 *   `DESTINATION_FULL`, `DESTINATION_DENIED`, `OBJECT_CORRUPT` and what the store throws. Nothing is changed after
 *   `DESTINATION_RUNNING` and `DESTINATION_UNSAFE`.
 */
export async function performRestore(
  plan: RestorePlan,
  options: PerformOptions,
  context: Context,
): Promise<RestoreResult> {
  const beginMs = context.clock.monotonicMs();
  context.signal.throwIfAborted();
  const preserved = await readPreserved(plan);
  const places = await Places.prepare(plan).catch((error: unknown) => {
    const isOurs = error instanceof HindsightError || systemErrorCode(error) === undefined;
    throw isOurs ? error : denied(plan.destination.path, error);
  });
  let filesKept: number;
  try {
    await using open = places;
    filesKept = await restoreInto(open, { plan, options, preserved }, context);
  } catch (error) {
    throw unfinished(error, plan.destination.path, context.signal);
  }
  const { fileCount, sizeBytes } = plan.survey.total;
  return {
    backup: plan.backup.label,
    target: targetOf(plan),
    dataDirectory: plan.destination.path,
    filesRestored: fileCount - filesKept,
    filesKept,
    bytes: sizeBytes,
    seconds: (context.clock.monotonicMs() - beginMs) / 1000,
  };
}

interface Work {
  readonly plan: RestorePlan;
  readonly options: PerformOptions;
  readonly preserved: Preserved | undefined;
}

/** @returns how many files were right already. */
async function restoreInto(places: Places, work: Work, context: Context): Promise<number> {
  const { plan, options } = work;
  const { backup, stanza, destination } = plan;
  const timeZone = backup.settings["TimeZone"] ?? "UTC";
  // Scripts look for these lines as pgBackRest prints them.
  context.log.info(
    `restore backup set ${backup.label}, recovery to ${describeTarget(plan.target, timeZone)}`,
    { destination: destination.path },
  );
  await places.disarm();
  await clearTheWay(places, work, context);
  const { header, entries } = await readManifest(options.repository, stanza, backup.label, context);
  const shelf = new PackShelf(options.repository, { stanza, packs: header.packs }, context);
  const writer = await writeFiles({ shelf, entries }, writerOptions(places, work, header.packs), {
    threadCount: plan.processMax,
    context,
  });
  await writeOwnFiles(places, writer, work);
  // The processor has nothing to do while the disk has.
  const spool = fillWalSpool(plan.walAhead, spoolSource(places, work), context);
  try {
    context.log.info("make restored files durable", { fileCount: writer.files.length });
    await places.sync(writer, context.signal);
  } finally {
    await spool;
  }
  context.signal.throwIfAborted();
  await places.data.removeFile(MARKER_FILE);
  await places.data.syncDirectory(ROOT_PATH);
  context.log.info(
    "restore global/pg_control (performed last so that an unfinished restore cannot start)",
  );
  await places.data.replaceFile(CONTROL_FILE, controlFile(plan, writer), fileMode(plan));
  return writer.filesKept;
}

/** The worker threads and their memory are gone when it is done. */
async function writeFiles(
  { shelf, entries }: { readonly shelf: PackShelf; readonly entries: AsyncIterable<ManifestEntry> },
  options: WriterOptions,
  { threadCount, context }: { readonly threadCount: number; readonly context: Context },
): Promise<FileWriter> {
  await using crew = new WorkerCrew(shelf, threadCount, context);
  const writer = new FileWriter(options, crew);
  await writer.writeAll(entries);
  return writer;
}

async function clearTheWay(
  places: Places,
  { plan, options }: Work,
  context: Context,
): Promise<void> {
  if (!plan.isDelta) return await places.clear(plan, context.signal);
  const { entries } = await readManifest(
    options.repository,
    plan.stanza,
    plan.backup.label,
    context,
  );
  const belongings = await readBelongings(
    entries,
    (path) => places.find(path),
    (path) => !NOT_WRITTEN.has(path),
  );
  await places.prune(plan, belongings, context.signal);
}

function writerOptions(
  places: Places,
  { plan, options }: Work,
  packs: readonly PackEntry[],
): WriterOptions {
  return {
    places,
    packs,
    links: linksOf(plan),
    isDelta: plan.isDelta,
    selection: plan.selection,
    pageSizeBytes: plan.backup.blockSizeBytes,
    laneCount: plan.processMax * 2,
    total: plan.survey.total,
    onProgress: options.onProgress ?? ((): void => undefined),
  };
}

function linksOf({ tablespaces, walLink }: RestorePlan): ReadonlyMap<BytePath, string> {
  const links = new Map(
    tablespaces.map((tablespace) => [
      textPath(`pg_tblspc/${tablespace.oid}`),
      linkTarget(tablespace),
    ]),
  );
  if (walLink) links.set(textPath(WAL_DIRECTORY), walLink.path);
  return links;
}

function spoolSource(places: Places, { plan, options }: Work): SpoolSource {
  const { stanza, record, destination } = plan;
  return {
    archive: { repository: options.repository, stanza, record },
    places,
    dataDirectory: destination.path,
    fileMode: fileMode(plan),
  };
}

/**
 * What the link says: for a tablespace that stays, what it said; for one that moves, the place itself, because a link to
 * a link is what the next backup would refuse.
 */
function linkTarget({ given, original, path }: TablespacePlan): string {
  return given === original ? original.replace(/(?<=.)\/+$/, "") : path;
}

/** Everything that is not in the manifest as it must be here. */
async function writeOwnFiles(
  places: Places,
  writer: FileWriter,
  { plan, preserved }: Work,
): Promise<void> {
  const { backup, recovery } = plan;
  const current = preserved?.autoConf ?? writer.changedContent(AUTO_CONF_FILE) ?? Buffer.alloc(0);
  const autoConf = rewriteAutoConf(current, {
    removed: recovery.removed,
    added: recovery.settings,
    comment: `settings of the restore of ${backup.label}`,
  });
  const signals = [...(preserved?.signals ?? []), ...(recovery.signal ? [recovery.signal] : [])];
  const files: readonly (readonly [BytePath, Buffer])[] = [
    [AUTO_CONF_FILE, autoConf],
    [textPath("backup_label"), Buffer.from(backup.backupLabelFile, "utf8")],
    ...signals.map((name) => [textPath(name), Buffer.alloc(0)] as const),
    ...partialMarker(plan),
  ];
  for (const [path, content] of files) await places.data.replaceFile(path, content, fileMode(plan));
  await makeWalDirectories(places, writer, plan);
}

/** rules.md B4: what this directory is and what it lacks. */
function partialMarker({
  selection,
  backup,
}: RestorePlan): readonly (readonly [BytePath, Buffer])[] {
  if (!selection) return [];
  const { tables, databases, exceptDatabases } = selection.request;
  const marker: PartialCluster = {
    about:
      "Only a part of a cluster was restored here. The relations below were left out: they read as empty or fail.",
    backup: backup.label,
    included: [...databases, ...tables],
    excluded: exceptDatabases,
    holes: selection.holes.map(({ label }) => label).toSorted(),
  };
  const content = Buffer.from(`${JSON.stringify(marker, undefined, 1)}\n`, "utf8");
  return [[textPath(PARTIAL_CLUSTER_FILE), content]];
}

/** pg_wal and what PostgreSQL expects in it, where the backup does not list them. */
async function makeWalDirectories(
  places: Places,
  writer: FileWriter,
  plan: RestorePlan,
): Promise<void> {
  const names = walSubdirectories(plan.backup.majorVersion).map((name) => `pg_wal/${name}`);
  for (const path of ["pg_wal", ...names].map(textPath)) {
    if (path === WAL_DIRECTORY && plan.walLink) continue;
    const { tree, path: below } = places.find(path);
    const isThere = writer.directories.some((place) => place.tree === tree && place.path === below);
    if (isThere) continue;
    await tree.makeDirectory(below, topMode(plan));
    writer.directories.push({ tree, path: below });
  }
}

function controlFile(plan: RestorePlan, writer: FileWriter): Buffer {
  const bytes = writer.changedContent(CONTROL_FILE);
  if (bytes === undefined) throw new Error("the plan found global/pg_control in the manifest");
  const { systemIdentifier } = parseControlFile(bytes);
  if (systemIdentifier === plan.backup.systemIdentifier) return invalidateCheckpoint(bytes);
  throw failure("OBJECT_CORRUPT", "global/pg_control of the backup is of another cluster", {
    hint: "Restore another backup with --set; `hindsight list-backups` names them.",
    context: { found: systemIdentifier, expected: plan.backup.systemIdentifier },
  });
}

/** What type preserve keeps of the cluster that is replaced. */
interface Preserved {
  readonly autoConf: Buffer | undefined;
  readonly signals: readonly string[];
}

async function readPreserved({ type, destination }: RestorePlan): Promise<Preserved | undefined> {
  if (type !== "preserve") return undefined;
  const read = (name: string): Promise<Buffer | undefined> =>
    readFile(join(destination.path, name)).catch((error: unknown) => {
      if (systemErrorCode(error) === "ENOENT") return undefined;
      throw error;
    });
  const signals: string[] = [];
  for (const name of ["recovery.signal", "standby.signal"]) {
    if ((await read(name)) !== undefined) signals.push(name);
  }
  return { autoConf: await read(AUTO_CONF_FILE), signals };
}

function targetOf({ type, target, timeline }: RestorePlan): RestoreResult["target"] {
  return {
    type,
    target: targetSetting(target)?.value ?? "",
    exclusive: "exclusive" in target && target.exclusive,
    timeline,
  };
}

/** Readable by the group only where the whole cluster is. */
function fileMode(plan: RestorePlan): number {
  return topMode(plan) === 0o750 ? 0o640 : 0o600;
}
