// What happened in one segment and when, for a picture of a history. WAL has times only where transactions end.
import { fromPostgresMicroseconds } from "../model/timestamp.ts";
import type { WalIndex } from "../wal/index-content.ts";
import { endLsnOf } from "./commit-fact.ts";
import type { FileChange } from "./file-changes.ts";
import type { IndexedSegment } from "./history-segments.ts";
import type { WalkedCommit } from "./transaction-walk.ts";

/** Truncated, replaced and dropped tables of one segment that are remembered; more cannot be told apart in a picture. */
const MARK_COUNT_MAX = 60;
/** The time between the first and the last end of a segment is looked at in so many equal slices. */
const SLICE_COUNT = 60;

/** A table that was truncated, or a table, database or tablespace that was dropped. */
export interface LossMark {
  readonly kind: "truncated" | "dropped";
  readonly at: Temporal.Instant;
}

/** Rows that were deleted in a stretch of time. */
export interface DeletedRows {
  readonly from: Temporal.Instant;
  readonly to: Temporal.Instant;
  readonly rows: number;
}

/** What happened in one segment. */
export interface SegmentProfile {
  readonly number: bigint;
  /** Times of the first and the last end of a transaction; undefined when none ended. */
  readonly from: Temporal.Instant | undefined;
  readonly to: Temporal.Instant | undefined;
  /** Rows of relations that count. */
  readonly deleted: readonly DeletedRows[];
  readonly marks: readonly LossMark[];
}

/** Takes the commits of one segment. */
export class ProfileBuilder {
  readonly #number: bigint;
  readonly #times: readonly [first: number, last: number] | undefined;
  readonly #marks: LossMark[] = [];
  #deleted: Float64Array | undefined;

  constructor({ number, index, limit }: IndexedSegment) {
    this.#number = number;
    this.#times = timesOf(index, limit);
  }

  /** @param changes those of relations that count. */
  take({ index, row, totals, work }: WalkedCommit, changes: readonly FileChange[]): void {
    const { deleted } = totals;
    if (deleted > 0) {
      this.#deleted ??= new Float64Array(SLICE_COUNT);
      const slice = this.#sliceOf(index.ends.at[row]!);
      this.#deleted[slice] = this.#deleted[slice]! + deleted;
    }
    if (changes.length === 0 && !work?.irreversible) return;
    const isDropped = work?.irreversible || changes.some(({ kind }) => kind === "dropped");
    const isTruncated = changes.some(({ kind }) => kind === "truncated" || kind === "replaced");
    if (this.#marks.length >= MARK_COUNT_MAX || (!isDropped && !isTruncated)) return;
    this.#marks.push({
      kind: isDropped ? "dropped" : "truncated",
      at: fromPostgresMicroseconds(BigInt(index.ends.at[row]!)),
    });
  }

  finish(): SegmentProfile {
    const [first, last] = this.#times ?? [];
    return {
      number: this.#number,
      from: instantOf(first),
      to: instantOf(last),
      deleted: [...(this.#deleted ?? [])].flatMap((rows, slice) =>
        rows === 0 ? [] : [{ ...this.#timesOfSlice(slice), rows }],
      ),
      marks: this.#marks,
    };
  }

  #sliceOf(at: number): number {
    const [first, last] = this.#times ?? [at, at];
    const share = last > first ? (at - first) / (last - first) : 0;
    return Math.min(SLICE_COUNT - 1, Math.max(0, Math.floor(share * SLICE_COUNT)));
  }

  #timesOfSlice(slice: number): Pick<DeletedRows, "from" | "to"> {
    const [first, last] = this.#times ?? [0, 0];
    const at = (edge: number): Temporal.Instant =>
      fromPostgresMicroseconds(BigInt(Math.round(first + ((last - first) * edge) / SLICE_COUNT)));
    return { from: at(slice), to: at(slice + 1) };
  }
}

function timesOf(
  index: WalIndex,
  limit: IndexedSegment["limit"],
): readonly [number, number] | undefined {
  let { count } = index.ends;
  while (limit !== undefined && count > 0 && endLsnOf(index, count - 1) >= limit) count -= 1;
  if (count === 0) return undefined;
  const { at } = index.ends;
  return [Math.min(at[0]!, at[count - 1]!), Math.max(at[0]!, at[count - 1]!)];
}

function instantOf(microseconds: number | undefined): Temporal.Instant | undefined {
  return microseconds === undefined ? undefined : fromPostgresMicroseconds(BigInt(microseconds));
}
