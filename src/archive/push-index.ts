// The WAL index of a segment that archive-push has just stored. The segment is safe by now and PostgreSQL waits, so nothing
// here may fail the command or hold it up: there is a limit of time, and whatever goes wrong is a warning.
// `hindsight index --rebuild` makes later what is not made here (rebuild-indexes.ts).
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Context } from "../base/context.ts";
import { errorMessage, HindsightError } from "../base/errors.ts";
import { MIB } from "../base/limits.ts";
import { formatLsn } from "../model/lsn.ts";
import { readControlFile } from "../postgres/control-file.ts";
import { hasWalIndex, putWalIndex } from "../repository/wal-index.ts";
import type { WalArchive } from "../repository/wal-archive.ts";
import { BLOCK_SIZE_DEFAULT_BYTES } from "../wal/block-reference.ts";
import type { WalIndex } from "../wal/index-content.ts";
import type { IndexEvent } from "../wal/index-events.ts";
import { checkSegmentHeader } from "../wal/page.ts";
import { makeSegmentIndex, readableIndex, storeMadeIndex } from "./segment-index.ts";
import { REBUILD_COMMAND } from "./unindexed-spans.ts";

/** A segment that was archived just now. */
export interface PushedSegment {
  /** Where PostgreSQL has it: the segments before it are looked for beside it, and pg_control one folder up. */
  readonly path: string;
  /** 24 digits. */
  readonly name: string;
  readonly bytes: Buffer;
  /** Archives that hold it. */
  readonly archives: readonly WalArchive[];
  /** For all archives together, each of which gets its share and what those before it left. Default: {@link TIMEOUT_MS}. */
  readonly timeoutMs?: number | undefined;
}

/** PostgreSQL waits so long at most, for each {@link TIMEOUT_UNIT_BYTES} of the segment that are begun. */
const TIMEOUT_MS = 5_000;
const TIMEOUT_UNIT_BYTES: number = 256 * MIB;

/**
 * Makes the index of the segment and stores it in each archive that has none.
 *
 * @returns the index, if it is known; it may be missing in some archives or in all, and may lack a record at its
 *   beginning or what is behind damage.
 * @throws nothing.
 */
export async function indexPushedSegment(
  segment: PushedSegment,
  context: Context,
): Promise<WalIndex | undefined> {
  const timeoutMs =
    segment.timeoutMs ?? TIMEOUT_MS * Math.ceil(segment.bytes.length / TIMEOUT_UNIT_BYTES);
  const { archives } = segment;
  // All run from now on, so that one archive that hangs leaves the others their time.
  const limits = archives.map((_, place) =>
    AbortSignal.timeout(Math.ceil((timeoutMs * (place + 1)) / archives.length)),
  );
  const known: KnownIndex = { whole: undefined, any: undefined };
  for (const [place, archive] of archives.entries()) {
    const limit = limits[place]!;
    const signal = AbortSignal.any([context.signal, limit]);
    try {
      await indexInArchive(segment, { archive, known }, { ...context, signal });
    } catch (error) {
      const isLate = limit.aborted && !context.signal.aborted;
      context.log.warn("the segment is archived, but its WAL index could not be made", {
        segment: segment.name,
        repository: archive.repository.store.description,
        reason: isLate ? `it took longer than ${timeoutMs} ms` : errorMessage(error),
        later: REBUILD_COMMAND,
      });
    }
  }
  return known.any;
}

/** What is known of the segment's index so far. */
interface KnownIndex {
  /** To be stored in each archive. */
  whole: WalIndex | undefined;
  /** Whether it was stored or not. */
  any: WalIndex | undefined;
}

/**
 * Whether WAL changed which relations there are or what files they have, so that the names of relations are to be
 * learnt anew.
 */
export function changesCatalogue(index: WalIndex): boolean {
  if (index.events.some(isCatalogueEvent)) return true;
  return [...index.endDetails.values()].some(
    ({ droppedRelations, invalidatedRelations }) =>
      droppedRelations.length > 0 || invalidatedRelations.length > 0,
  );
}

function isCatalogueEvent(event: IndexEvent): boolean {
  switch (event.kind) {
    case "fileCreate":
      return event.fork === "main";
    // A database that is copied by files brings relations without a record of any.
    case "databaseCreate":
    case "databaseDrop":
    case "classRow":
    case "relationMap":
      return true;
    default:
      return false;
  }
}

async function indexInArchive(
  segment: PushedSegment,
  { archive, known }: { readonly archive: WalArchive; readonly known: KnownIndex },
  context: Context,
): Promise<void> {
  const { name, bytes, path } = segment;
  context.signal.throwIfAborted();
  if (await hasWalIndex(archive, name, context)) {
    known.whole ??= await readableIndex(archive, name, context);
    known.any ??= known.whole;
    return;
  }
  if (known.whole) {
    await putWalIndex(archive, { name, index: known.whole }, context);
    return;
  }
  const readSegment = (other: string): Promise<Buffer | undefined> =>
    readBeside(path, { name: other, archive, signal: context.signal });
  const blockSizeBytes = await relationBlockSize(path, archive, context);
  const source = { archive, name, bytes, blockSizeBytes, readSegment };
  const made = await makeSegmentIndex(source, context);
  known.any = made.index;
  const stored = await storeMadeIndex(source, made, context);
  switch (stored.kind) {
    case "stored":
      known.whole = made.index;
      return;
    case "headMissing":
      // Where an archive begins this is in order, and else the segment before has been warned about.
      context.log.info("no WAL index for a segment that begins inside a record of unarchived WAL", {
        segment: name,
      });
      return;
    case "ended": {
      const { index, end } = stored;
      const what = index.first ? "inside of it" : "before its first record";
      throw new Error(`WAL ends at ${formatLsn(end.lsn)}, ${what} (${end.reason})`);
    }
  }
}

/**
 * A segment in the same folder. PostgreSQL keeps old segments there under the names of future ones, so it counts only
 * when its header says that it is the one.
 */
async function readBeside(
  path: string,
  {
    name,
    archive,
    signal,
  }: { readonly name: string; readonly archive: WalArchive; readonly signal: AbortSignal },
): Promise<Buffer | undefined> {
  try {
    const bytes = await readFile(join(dirname(path), name), { signal });
    checkSegmentHeader(bytes, { ...archive.record, name });
    return bytes;
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

/** What the cluster's own pg_control says, else what nearly every cluster has. */
async function relationBlockSize(
  path: string,
  { record }: WalArchive,
  context: Context,
): Promise<number> {
  try {
    const { control } = await readControlFile(join(dirname(path), ".."), context);
    const isOurs = control.systemIdentifier === record.systemIdentifier;
    return isOurs ? control.blockSizeBytes : BLOCK_SIZE_DEFAULT_BYTES;
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof HindsightError)) throw error;
    return BLOCK_SIZE_DEFAULT_BYTES;
  }
}
