// From settings to the request of a restore.
import type { Context } from "../base/context.ts";
import type { Settings } from "../config/settings.ts";
import type { BackupLabel } from "../model/backup-label.ts";
import { failure } from "../model/failure.ts";
import { findReplayChanges } from "../recovery/replay-changes.ts";
import { type ResolvedTarget, resolveTarget } from "../recovery/target.ts";
import { listBackupHeaders } from "../repository/backup-headers.ts";
import { isDamage } from "../recovery/history-segments.ts";
import { readManifestHeader } from "../repository/manifest.ts";
import type { WalArchive } from "../repository/wal-archive.ts";
import type { PartRequest } from "../restore/part-choice.ts";
import { planRestore, type RestorePlan, type RestoreRequest } from "../restore/plan.ts";
import { isToEnd } from "../restore/plan-route.ts";
import { resolveLabel } from "./catalogue.ts";
import { archiveGetCommand } from "./program.ts";
import { repositoryNumbers } from "./repositories.ts";
import { readTarget, type TimeReference } from "./restore-target.ts";

/** A plan and what was found out about its target. */
export interface PlannedRestore {
  readonly plan: RestorePlan;
  /** Undefined for types that need no search in WAL. */
  readonly resolved: ResolvedTarget | undefined;
}

/**
 * Plans the restore that the settings ask for.
 *
 * @param onSearch is told the WAL segment that is being read for the target.
 * @throws {HindsightError} what {@link planRestore} and {@link readTarget} throw.
 */
export async function planFromSettings(
  settings: Settings,
  {
    archive,
    onSearch,
  }: { readonly archive: WalArchive; readonly onSearch: (segment: string) => void },
  context: Context,
): Promise<PlannedRestore> {
  let resolved: ResolvedTarget | undefined;
  const request: RestoreRequest = {
    ...(await baseRequest(settings, archive, context)),
    resolve: async (question, inner) => {
      const onProgress = ({ segment }: { readonly segment: string }): void => onSearch(segment);
      resolved = await resolveTarget({ ...question, onProgress }, inner);
      return resolved;
    },
  };
  const plan = await planRestore(request, context);
  if (isToEnd(plan) && plan.wal && !resolved) return await lookAtEnd(plan, archive, context);
  if (!resolved?.pauseWouldPromote || plan.targetAction !== "pause") return { plan, resolved };
  // rules.md D-II, D3: nobody could connect there, and PostgreSQL would promote instead of pausing.
  context.log.warn(
    "no snapshot is possible at the target, where PostgreSQL would promote instead of pausing: it shuts down there",
  );
  const safe = resolved;
  const replan = {
    ...request,
    targetAction: "shutdown" as const,
    resolve: () => Promise.resolve(safe),
  };
  return { plan: await planRestore(replan, context), resolved };
}

/** Nothing has to be found for a recovery to the end of the archive; what there is to know there is told. */
async function lookAtEnd(
  plan: RestorePlan,
  archive: WalArchive,
  context: Context,
): Promise<PlannedRestore> {
  const { target, history, backup } = plan;
  try {
    const question = { archive, target, history, candidates: [backup] };
    const resolved = await resolveTarget(question, context);
    return { plan: { ...plan, notes: [...resolved.notes, ...plan.notes] }, resolved };
  } catch (error) {
    if (!isDamage(error)) throw error;
    return { plan, resolved: undefined };
  }
}

async function baseRequest(
  settings: Settings,
  archive: WalArchive,
  context: Context,
): Promise<Omit<RestoreRequest, "resolve">> {
  const { set, reference } = await readReference(settings, archive, context);
  const choice = readTarget(settings, reference);
  return {
    ...archive,
    ...choice,
    set,
    destination: settings.require("pg-path"),
    overwrite: settings.get("delta") || settings.get("force"),
    delta: settings.get("delta"),
    archiveMode: settings.get("archive-mode") ?? defaultArchiveMode(settings),
    recoveryOptions: new Map(Object.entries(settings.get("recovery-option"))),
    tablespaces: {
      byName: new Map(Object.entries(settings.get("tablespace-map"))),
      all: settings.get("tablespace-map-all"),
    },
    links: {
      byName: new Map(Object.entries(settings.get("link-map"))),
      all: settings.get("link-all"),
    },
    part: readPart(settings),
    findChanges: findReplayChanges,
    restoreCommand: (flags) => archiveGetCommand(settings, flags),
    // A recovery that we drive promotes only when told to; a directory that is handed over, when its DBA resumes it.
    interlock: settings.get("start") ? "strict" : "pause",
    walAheadMaxBytes: settings.get("archive-get-queue-max"),
    processMax: settings.get("process-max"),
    protectedPaths: repositoryNumbers(settings).map((number) => settings.get("repo-path", number)),
  };
}

/** Undefined when the whole cluster is asked for. */
function readPart(settings: Settings): PartRequest | undefined {
  const part = {
    tables: settings.get("table-include"),
    databases: settings.get("db-include"),
    exceptDatabases: settings.get("db-exclude"),
  };
  return Object.values(part).some((names) => names.length > 0) ? part : undefined;
}

/** What a target is read by: the backup that was named, and the clock and zone of times. */
export interface TargetReference {
  readonly set: BackupLabel | undefined;
  readonly reference: TimeReference;
}

/** @throws {HindsightError} `BACKUP_NONE`, `BACKUP_UNKNOWN`, `BACKUP_LABEL_INVALID`, and what the store throws. */
export async function readReference(
  settings: Settings,
  archive: WalArchive,
  context: Context,
): Promise<TargetReference> {
  const set = await readSet(settings, archive, context);
  const timeZone = await clusterTimeZone(archive, set, context);
  return { set, reference: { timeZone, now: context.clock.now() } };
}

/** `latest` means what leaving it out means: the newest that leads to the target. */
async function readSet(
  settings: Settings,
  archive: WalArchive,
  context: Context,
): Promise<BackupLabel | undefined> {
  const text = settings.get("set");
  if (text === undefined || text === "latest" || text === "last" || text === "auto") {
    return undefined;
  }
  return resolveLabel(text, archive, context);
}

/** As the newest backup, or the named one, recorded it. */
async function clusterTimeZone(
  { repository, stanza }: WalArchive,
  set: BackupLabel | undefined,
  context: Context,
): Promise<string> {
  const header =
    set === undefined
      ? (await listBackupHeaders(repository, stanza, context)).at(-1)
      : await readManifestHeader(repository, stanza, set, context);
  if (header === undefined) {
    throw failure("BACKUP_NONE", `stanza ${stanza} has no complete backup to restore`, {
      hint: "`hindsight info` shows what there is.",
    });
  }
  return header.settings["TimeZone"] ?? "UTC";
}

/** A copy elsewhere must not archive into production's stanza. */
function defaultArchiveMode(settings: Settings): "preserve" | "off" {
  if (settings.origin("pg-path") !== "flag") return "preserve";
  return settings.get("pg-path") === settings.configured("pg-path") ? "preserve" : "off";
}
