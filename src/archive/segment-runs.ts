// Which stored segments follow each other without a hole. Segments are told of in the order of their names; a timeline
// goes on from any older one.
import type { Timeline } from "../model/timeline.ts";
import { parseSegmentName } from "../model/wal-segment.ts";

interface Run {
  readonly timeline: Timeline;
  readonly first: bigint;
  last: bigint;
}

/** Takes the names of stored segments, sorted. Memory grows with the holes, not with the segments. */
export class SegmentRuns {
  readonly #segmentSizeBytes: number;
  readonly #runs: Run[] = [];

  constructor(segmentSizeBytes: number) {
    this.#segmentSizeBytes = segmentSizeBytes;
  }

  /**
   * Takes the next segment.
   *
   * @returns whether the segment before it is stored, on its timeline or on an older one.
   * @throws {HindsightError} `WAL_SEGMENT_NAME_INVALID`
   */
  add(name: string): boolean {
    const { timeline, number } = parseSegmentName(name, this.#segmentSizeBytes);
    const newest = this.#runs.at(-1);
    if (newest?.timeline === timeline && newest.last + 1n === number) {
      newest.last = number;
      return true;
    }
    const before = number - 1n;
    const follows = this.#runs.some(
      (run) => run.timeline < timeline && run.first <= before && before <= run.last,
    );
    this.#runs.push({ timeline, first: number, last: number });
    return follows;
  }
}
