// Which pages recovery will look at, between a backup's start and its target. Only reading WAL can tell, and whoever does
// that answers through a ChangeFinder, as a TargetResolver does for targets.
import type { Context } from "../base/context.ts";
import type { RelationLocator } from "../model/relation.ts";
import type { TimelineHistory } from "../model/timeline.ts";
import type { WalArchive } from "../repository/wal-archive.ts";

/** Over which WAL, and about which relations. */
export interface ChangeQuestion {
  readonly archive: WalArchive;
  /** The path of the pinned timeline. */
  readonly history: TimelineHistory;
  /** Numbers of segments, both inclusive. */
  readonly first: bigint;
  readonly last: bigint;
  readonly blockSizeBytes: number;
  /** Others are not remembered. */
  readonly isAsked: (relation: RelationLocator) => boolean;
}

/** What WAL refers to. */
export interface ReplayChanges {
  /** Blocks of the main fork, ascending, each once. */
  readonly blocksOf: (relation: RelationLocator) => Uint32Array;
  /** OIDs of databases that are copied file by file in the middle of the recovery. */
  readonly copiedDatabases: ReadonlySet<number>;
}

/**
 * Reads the WAL indexes of every segment.
 *
 * @throws {HindsightError} `WAL_SEGMENT_MISSING` and what reading WAL throws when anything is not known for certain;
 *   `PART_IMPOSSIBLE` for records of extensions, of which nobody knows which pages they look at.
 */
export type ChangeFinder = (question: ChangeQuestion, context: Context) => Promise<ReplayChanges>;
