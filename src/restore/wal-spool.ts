// WAL that the recovery is going to ask for, fetched ahead into a folder of the new pg_wal while the restored files are made
// durable. The launcher moves a segment from there to where PostgreSQL wants it before it starts Node, so a replay does
// not wait for a process per segment. docs/decisions/0021 says why that is as safe as archive-get:
//
// - What has a segment's name there is that segment, whole and verified: it is written under another name, made durable
//   and renamed. A folder that was there before is removed first.
// - Only segments that archive-get would deliver to this recovery are there, and no history files: questions about
//   timelines and about the end of WAL are always answered by archive-get itself.
// - Nothing depends on it. Whatever is missing, for lack of space or because the archive cannot be read now, PostgreSQL
//   asks archive-get for, which says what is wrong.
import { statfs } from "node:fs/promises";
import { join } from "node:path";
import type { Context } from "../base/context.ts";
import { errorMessage, systemErrorCode } from "../base/errors.ts";
import { forEachLimited, MIB } from "../base/limits.ts";
import { releaseMemory } from "../base/release-memory.ts";
import { type BytePath, textPath } from "../model/byte-path.ts";
import { type RestoreType, WAL_SPOOL_DIRECTORY } from "../model/recovery-target.ts";
import { type TimelineHistory, timelinePath } from "../model/timeline.ts";
import { formatSegmentName, parseSegmentName, segmentNumberAt } from "../model/wal-segment.ts";
import { getWalFile, type WalArchive } from "../repository/wal-archive.ts";
import { checkSegmentHeader } from "../wal/page.ts";
import type { Places } from "./places.ts";
import type { WalPlan } from "./wal-path.ts";

/** The spool takes no more than this share of what is free: recovery itself writes too. */
const FREE_SPACE_SHARE = 0.5;

/** Segments in memory at a time come to this at most, together; larger ones are not fetched ahead. */
const MEMORY_MAX_BYTES: number = 64 * MIB;

/** What is known of a recovery when it is decided whether WAL is fetched ahead. */
export interface SpoolQuestion {
  readonly type: RestoreType;
  readonly wal: WalPlan | undefined;
  readonly history: TimelineHistory;
  readonly segmentSizeBytes: number;
  /** WAL fetched ahead at most; the rest of a longer recovery comes segment by segment. */
  readonly walAheadMaxBytes: number;
}

/**
 * The segments to fetch ahead, in the order of the recovery; none where it has no end that is known, as a standby, or
 * where the restore does not write restore_command.
 */
export function segmentsAhead(question: SpoolQuestion): readonly string[] {
  const { type, wal, history, segmentSizeBytes, walAheadMaxBytes } = question;
  const isDriven = type !== "standby" && type !== "preserve" && type !== "none";
  if (!isDriven || !wal || segmentSizeBytes > MEMORY_MAX_BYTES) return [];
  const first = parseSegmentName(wal.first, segmentSizeBytes).number;
  const end = endOf(wal, segmentSizeBytes);
  const countMax = BigInt(Math.floor(walAheadMaxBytes / segmentSizeBytes));
  const names: string[] = [];
  for (let number = first; number < end && number < first + countMax; number += 1n) {
    names.push(nameOnPath(history, { number, wal, segmentSizeBytes }));
  }
  return names;
}

/** A segment that its timeline left half way is for archive-get to judge. */
function endOf(wal: WalPlan, segmentSizeBytes: number): bigint {
  const last = parseSegmentName(wal.last, segmentSizeBytes).number;
  const end = wal.leftAt === undefined ? last + 1n : last;
  if (wal.missing === undefined) return end;
  const missing = parseSegmentName(wal.missing, segmentSizeBytes).number;
  return missing < end ? missing : end;
}

/** The segment in which a timeline was left has the younger one's name, if that is stored at all: up to `last`. */
function nameOnPath(
  history: TimelineHistory,
  {
    number,
    wal,
    segmentSizeBytes,
  }: { readonly number: bigint; readonly wal: WalPlan; readonly segmentSizeBytes: number },
): string {
  const youngest = parseSegmentName(wal.last, segmentSizeBytes).timeline;
  const owner = timelinePath(history).findLast(
    ({ timeline, begin }) =>
      timeline <= youngest && segmentNumberAt(begin, segmentSizeBytes) <= number,
  );
  return formatSegmentName({ timeline: owner?.timeline ?? youngest, number }, segmentSizeBytes);
}

/** Where segments come from and go. */
export interface SpoolSource {
  readonly archive: WalArchive;
  readonly places: Places;
  /** The data directory. */
  readonly dataDirectory: string;
  readonly fileMode: number;
}

/**
 * Fetches the segments. What goes wrong is a warning, and ends the fetching.
 *
 * @throws nothing.
 */
export async function fillWalSpool(
  names: readonly string[],
  source: SpoolSource,
  context: Context,
): Promise<void> {
  const { segmentSizeBytes } = source.archive.record;
  const lanes = Math.max(1, Math.min(4, Math.floor(MEMORY_MAX_BYTES / segmentSizeBytes / 2)));
  try {
    const folder = await openFolder(source, context);
    const affordable = names.slice(0, await countAffordable(source));
    if (affordable.length === 0) return;
    context.log.info("fetch WAL ahead", { segmentCount: affordable.length });
    await forEachLimited(affordable, lanes, (name) => fetch(name, { source, folder }, context));
  } catch (error) {
    if (context.signal.aborted) return;
    context.log.warn("not all WAL was fetched ahead; recovery asks archive-get for the rest", {
      reason: errorMessage(error),
    });
  }
}

async function openFolder({ places }: SpoolSource, { signal }: Context): Promise<BytePath> {
  const folder = textPath(WAL_SPOOL_DIRECTORY);
  const { tree, path } = places.find(folder);
  await tree.removeDirectory(path, signal).catch((error: unknown) => {
    if (systemErrorCode(error) !== "ENOENT") throw error;
  });
  await tree.makeDirectory(path, 0o700);
  return folder;
}

async function countAffordable({ archive, dataDirectory }: SpoolSource): Promise<number> {
  const { bavail, bsize } = await statfs(join(dataDirectory, "pg_wal"));
  return Math.floor((bavail * bsize * FREE_SPACE_SHARE) / archive.record.segmentSizeBytes);
}

async function fetch(
  name: string,
  { source, folder }: { readonly source: SpoolSource; readonly folder: BytePath },
  context: Context,
): Promise<void> {
  context.signal.throwIfAborted();
  const { archive, places, fileMode } = source;
  const bytes = await getWalFile(archive, name, context);
  if (bytes === undefined) throw new Error(`${name} is no longer in the archive`);
  checkSegmentHeader(bytes, { ...archive.record, name });
  const { tree, path } = places.find(textPath(`${folder}/${name}`));
  await tree.replaceFile(path, bytes, fileMode);
  releaseMemory(bytes);
}
