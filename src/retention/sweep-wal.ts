// The WAL archive's part of a sweep: one pass over the listing of a cluster's archive, which counts what goes, or removes
// it. Oldest names first, so that what an interrupted pass leaves is without holes.
import type { Context } from "../base/context.ts";
import type { Timeline } from "../model/timeline.ts";
import { parseSegmentName, segmentNumberBefore } from "../model/wal-segment.ts";
import {
  type ArchiveObject,
  archiveObjectOf,
  listArchiveObjects,
} from "../repository/archive-objects.ts";
import type { ObjectKey } from "../storage/object-store.ts";
import { removeAll } from "../repository/remove-all.ts";
import type { ArchiveSweep } from "./sweep.ts";

/** Segments of one timeline that go, none missing between them in the archive. */
export interface GoneRun {
  readonly timeline: Timeline;
  /** Names, both inclusive. */
  readonly first: string;
  readonly last: string;
  readonly count: number;
}

/** What goes of one cluster's archive. */
export interface GoneWal {
  readonly runs: readonly GoneRun[];
  readonly segmentCount: number;
  /** Segments, indexes and all other files together. */
  readonly objectCount: number;
  readonly sizeBytes: number;
}

/** Objects that are removed together: within them the order is not kept. */
const REMOVE_BATCH_COUNT = 32;

/** Whether an object of the archive goes. */
function isGoing(object: ArchiveObject, { floor, keeps, stored }: ArchiveSweep): boolean {
  const { segmentSizeBytes } = stored.archive.record;
  switch (object.kind) {
    case "unknown":
      return false;
    case "history":
      // As long as there is WAL, a history file keeps PostgreSQL from using its timeline again.
      return floor.kind === "nothing";
    case "gap":
      return !keeps(object.timeline, segmentNumberBefore(object.end, segmentSizeBytes));
    case "segment":
    case "index":
    case "partial":
    case "backup": {
      const { timeline, number } = parseSegmentName(object.segment, segmentSizeBytes);
      return !keeps(timeline, number);
    }
  }
}

/**
 * Walks the archive once.
 *
 * @param options `removes`: whether what goes is removed, or only counted.
 */
export async function sweepWal(
  sweep: ArchiveSweep,
  { removes }: { readonly removes: boolean },
  context: Context,
): Promise<GoneWal> {
  const tally = new Tally(sweep.stored.archive.record.segmentSizeBytes);
  if (sweep.floor.kind === "all" && !removesBefore(sweep)) return tally.finish();
  const { archive } = sweep.stored;
  let batch: ObjectKey[] = [];
  const removeBatch = async (): Promise<void> => {
    if (removes) await removeAll(archive.repository, batch, context);
    batch = [];
  };
  for await (const object of listArchiveObjects(archive, context)) {
    if (!isGoing(object, sweep)) continue;
    tally.add(object);
    batch.push(object.key);
    if (batch.length === REMOVE_BATCH_COUNT) await removeBatch();
  }
  await removeBatch();
  return tally.finish();
}

/** Whether a key is one of those that the sweep removes. */
export function isGoingKey(sweep: ArchiveSweep, key: ObjectKey): boolean {
  const object = archiveObjectOf(sweep.stored.archive, key);
  return object !== undefined && isGoing(object, sweep);
}

/** Whether something goes although the floor keeps all: WAL before a segment that was named. */
function removesBefore({ stored, keeps }: ArchiveSweep): boolean {
  return [...stored.runs].some(([timeline, runs]) =>
    runs.some(({ first }) => !keeps(timeline, first)),
  );
}

class Tally {
  readonly #segmentSizeBytes: number;
  readonly #runs: { timeline: Timeline; first: string; last: string; count: number }[] = [];
  #lastNumber = -1n;
  #segmentCount = 0;
  #objectCount = 0;
  #sizeBytes = 0;

  constructor(segmentSizeBytes: number) {
    this.#segmentSizeBytes = segmentSizeBytes;
  }

  add(object: ArchiveObject): void {
    this.#objectCount += 1;
    this.#sizeBytes += object.sizeBytes;
    if (object.kind !== "segment") return;
    const { segment } = object;
    const { timeline, number } = parseSegmentName(segment, this.#segmentSizeBytes);
    const run = this.#runs.at(-1);
    this.#segmentCount += 1;
    if (run?.timeline === timeline && this.#lastNumber + 1n === number) {
      run.last = segment;
      run.count += 1;
    } else {
      this.#runs.push({ timeline, first: segment, last: segment, count: 1 });
    }
    this.#lastNumber = number;
  }

  finish(): GoneWal {
    return {
      runs: this.#runs,
      segmentCount: this.#segmentCount,
      objectCount: this.#objectCount,
      sizeBytes: this.#sizeBytes,
    };
  }
}
