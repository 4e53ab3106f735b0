// Looks into single segments of a path by their WAL indexes: which transaction ended last, and whether recovery could
// pass. Each segment is looked at once, however many paths lead through it. Which ones: window-island.ts.
import type { Context } from "../base/context.ts";
import type { HindsightError } from "../base/errors.ts";
import type { Lsn } from "../model/lsn.ts";
import type { WalEnd } from "../wal/reader.ts";
import { endEvent, type TransactionEndEvent } from "./history-events.ts";
import { historySteps, type IndexedSegment } from "./history-segments.ts";
import type { ArchivePath } from "./target-path.ts";

/** A path, and what was seen on this and on others. */
export interface LookPlace extends ArchivePath {
  /** Size of a relation's page. */
  readonly blockSizeBytes: number;
  /** By name of the segment and where the path leaves it; one for all paths. */
  readonly seen: Map<string, SegmentLook>;
}

/** Why recovery cannot pass a segment. */
export type SegmentFlaw =
  /** It cannot be read. */
  | { readonly kind: "damaged"; readonly error: HindsightError }
  /** WAL ends in it, which is right in the last segment of an archive and nowhere else. */
  | { readonly kind: "ended"; readonly end: WalEnd }
  /** It does not go on where the segment before it ends; what is in it can be read. */
  | { readonly kind: "broken"; readonly error: HindsightError }
  /** It was there when the archive was listed. */
  | { readonly kind: "gone" };

/** What was seen in a segment. */
export interface SegmentLook {
  readonly number: bigint;
  /** The last transaction that ended in it, on the path. */
  readonly lastEnd: TransactionEndEvent | undefined;
  readonly flaw: SegmentFlaw | undefined;
}

/** A segment to look at. */
export interface LookedSegment {
  readonly number: bigint;
  /** Its name on the path. */
  readonly name: string;
  /** Where the path leaves it. */
  readonly leftAt: Lsn | undefined;
}

/**
 * Looks at segments that follow each other.
 *
 * @param segments ascending; all of them were listed.
 * @throws {HindsightError} what the store throws.
 */
export async function lookAt(
  place: LookPlace,
  segments: readonly LookedSegment[],
  context: Context,
): Promise<readonly SegmentLook[]> {
  const keyOf = ({ name, leftAt }: LookedSegment): string => `${name} ${leftAt ?? ""}`;
  const fresh = segments.filter((segment) => !place.seen.has(keyOf(segment)));
  const [first] = fresh;
  const last = fresh.at(-1);
  const found = new Map<bigint, SegmentLook>();
  if (first && last) {
    const range = { ...place, first: first.number, last: last.number };
    let broken: SegmentFlaw | undefined;
    for await (const step of historySteps(range, context)) {
      if (step.kind === "missing") continue;
      const { number } = step;
      if (step.kind === "unreadable") {
        found.set(number, {
          number,
          lastEnd: undefined,
          flaw: { kind: "damaged", error: step.error },
        });
      } else if (step.kind === "segment") {
        const look = segmentLook(step);
        found.set(number, { ...look, flaw: look.flaw ?? broken });
        broken = undefined;
      } else if (!found.has(number)) broken = { kind: "broken", error: step.error };
    }
  }
  return segments.map((segment) => {
    const { number } = segment;
    const key = keyOf(segment);
    const gone: SegmentLook = { number, lastEnd: undefined, flaw: { kind: "gone" } };
    const look = place.seen.get(key) ?? found.get(number) ?? gone;
    place.seen.set(key, look);
    return look;
  });
}

function segmentLook({ number, index, limit }: IndexedSegment): SegmentLook {
  const { end } = index;
  // What is behind the place where the path leaves the segment belongs to another branch.
  const isOnPath = end !== undefined && (limit === undefined || end.lsn < limit);
  return {
    number,
    lastEnd: lastEndBefore(index, limit),
    flaw: isOnPath ? { kind: "ended", end } : undefined,
  };
}

function lastEndBefore(
  index: IndexedSegment["index"],
  limit: Lsn | undefined,
): TransactionEndEvent | undefined {
  for (let row = index.ends.count - 1; row >= 0; row -= 1) {
    const event = endEvent(index, row);
    if (limit === undefined || event.lsn < limit) return event;
  }
  return undefined;
}
