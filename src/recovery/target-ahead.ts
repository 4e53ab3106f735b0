// The last commit before a backup began: what a recovery that stops right behind the backup keeps last.
import type { Context } from "../base/context.ts";
import type { Lsn } from "../model/lsn.ts";
import { segmentNumberAt } from "../model/wal-segment.ts";
import { getWalIndex } from "../repository/wal-index.ts";
import type { CommitFact } from "../restore/choose-backup.ts";
import { END_FLAGS, type WalIndex } from "../wal/index-content.ts";
import { commitFact, endLsnOf } from "./commit-fact.ts";
import { isDamage } from "./history-segments.ts";
import { type ArchivePath, segmentNames } from "./target-path.ts";

/** So far back it is looked for; a cluster without a commit for longer has nothing to tell. */
const SEGMENT_COUNT_MAX = 64;

/** @returns undefined when there is none near, or WAL before the backup is not stored or has no index. */
export async function lastCommitBefore(
  path: ArchivePath,
  position: Lsn,
  context: Context,
): Promise<CommitFact | undefined> {
  const last = segmentNumberAt(position, path.archive.record.segmentSizeBytes);
  for (let number = last; number > last - BigInt(SEGMENT_COUNT_MAX) && number >= 0n; number -= 1n) {
    context.signal.throwIfAborted();
    const index = await readIndex(path, number, context);
    if (!index) return undefined;
    const row = lastCommitRow(index, position);
    if (row !== undefined) return commitFact({ index, row, nextXid: index.nextXid });
  }
  return undefined;
}

async function readIndex(
  path: ArchivePath,
  number: bigint,
  context: Context,
): Promise<WalIndex | undefined> {
  // Where timelines meet, only the younger one's segment ends where the path goes on.
  const [name] = segmentNames(path, number);
  try {
    return name === undefined ? undefined : await getWalIndex(path.archive, name, context);
  } catch (error) {
    if (!isDamage(error)) throw error;
    return undefined;
  }
}

function lastCommitRow(index: WalIndex, position: Lsn): number | undefined {
  for (let row = index.ends.count - 1; row >= 0; row -= 1) {
    const isCommit = (index.ends.flags[row]! & END_FLAGS.aborted) === 0;
    if (isCommit && endLsnOf(index, row) < position) return row;
  }
  return undefined;
}
