// How far recovery gets within segments of which none is missing: looks back from their end to the last transaction that
// ended, and into segments that have no index, which is where damage shows. Where recovery cannot pass, the island is cut
// in two. Nothing else is read, so damage that came to a segment after it was indexed is not seen here.
import type { Context } from "../base/context.ts";
import type { Lsn } from "../model/lsn.ts";
import {
  formatSegmentName,
  segmentBegin,
  segmentNumberAt,
  segmentNumberBefore,
} from "../model/wal-segment.ts";
import type { ManifestHeader } from "../repository/manifest.ts";
import type { TransactionEndEvent } from "./history-events.ts";
import {
  lookAt,
  type LookedSegment,
  type LookPlace,
  type SegmentFlaw,
  type SegmentLook,
} from "./window-look.ts";
import {
  clipIsland,
  firstNumber,
  type Island,
  islandEnd,
  lastNumber,
  type StoredWal,
  unindexedNumbers,
} from "./window-path.ts";

/** A path and its backups. */
export interface IslandSurvey extends LookPlace {
  readonly stored: StoredWal;
  /** Complete backups on the path, in the order of their ends. */
  readonly backups: readonly ManifestHeader[];
}

/** Where recovery cannot go on, from `begin` to `end`, because of the segment. */
export interface IslandCut {
  readonly begin: Lsn;
  readonly end: Lsn;
  readonly segment: string;
  readonly flaw: SegmentFlaw;
}

/** What recovery reaches from the backups of one island. */
export interface Reach {
  readonly island: Island;
  /** Backups whose WAL lies in the island, in the order of their ends; never empty. */
  readonly backups: readonly ManifestHeader[];
  /** The last transaction that ended behind the newest of them. */
  readonly lastEnd: TransactionEndEvent | undefined;
}

/** What came of an island, in the order of WAL. */
export type IslandPart =
  | ({ readonly kind: "reach" } & Reach)
  | ({ readonly kind: "cut" } & IslandCut);

/** Segments without index that are read to see whether they are whole; where there are more, none is. */
const UNINDEXED_READ_COUNT_MAX = 8;
/** Segments that are looked at together, going back; the first time one, then twice as many. */
const LOOK_BACK_COUNT_MAX = 64n;

/**
 * Surveys an island.
 *
 * @param options `isLast`: nothing is stored behind it, so that WAL may end in its last segment.
 * @throws {HindsightError} what the store throws.
 */
export async function surveyIsland(
  survey: IslandSurvey,
  { island, isLast }: { readonly island: Island; readonly isLast: boolean },
  context: Context,
): Promise<readonly IslandPart[]> {
  const backups = backupsWithin(survey, island);
  const [oldest] = backups;
  const newest = backups.at(-1);
  if (!oldest || !newest) return [];
  const [first, last] = [firstNumber(island), lastNumber(island)];
  const flawed = (look: SegmentLook): boolean =>
    look.flaw !== undefined &&
    // That it does not go on from what is before the island is nothing new.
    !(look.flaw.kind === "broken" && look.number === first) &&
    // The end of an archive is no flaw; where the path leaves a segment nothing of it is missed.
    !(look.flaw.kind === "ended" && look.number === last && (isLast || island.end !== undefined));
  const { segmentSizeBytes } = survey.archive.record;
  const from = segmentNumberAt(oldest.startLsn, segmentSizeBytes);
  const numbers = unindexedNumbers(survey.stored, island, from);
  let lastEnd: TransactionEndEvent | undefined;
  let flaw: SegmentLook | undefined;
  if (numbers.length <= UNINDEXED_READ_COUNT_MAX) {
    const looks = await lookAtNumbers(survey, island, { numbers, context });
    flaw = looks.find(flawed);
  }
  if (!flaw) {
    for await (const look of lookBack(survey, island, { until: newest.stopLsn, context })) {
      if (flawed(look)) flaw = look;
      else if (look.lastEnd && look.lastEnd.lsn >= newest.stopLsn) ({ lastEnd } = look);
      if (flaw || lastEnd) break;
    }
  }
  if (!flaw) return [{ kind: "reach", island, backups, lastEnd }];
  return await surveyParts(survey, { island, isLast, flaw }, context);
}

/** What lies before a flaw, the flaw, and what lies behind it. */
async function surveyParts(
  survey: IslandSurvey,
  found: { readonly island: Island; readonly isLast: boolean; readonly flaw: SegmentLook },
  context: Context,
): Promise<readonly IslandPart[]> {
  const { island, isLast } = found;
  const { number, flaw } = found.flaw;
  if (!flaw) throw new TypeError("a flaw has a kind");
  const { segmentSizeBytes } = survey.archive.record;
  const begin = flaw.kind === "ended" ? flaw.end.lsn : segmentBegin(number, segmentSizeBytes);
  const first = firstNumber(island);
  const before =
    flaw.kind === "ended"
      ? clipIsland(island, { first, last: number, end: begin })
      : clipIsland(island, { first, last: number - 1n });
  const behind = clipIsland(island, {
    first: flaw.kind === "broken" ? number : number + 1n,
    last: lastNumber(island),
    end: island.end,
  });
  const parts: IslandPart[] = [];
  if (before)
    parts.push(...(await surveyIsland(survey, { island: before, isLast: false }, context)));
  const end = flaw.kind === "broken" ? begin : segmentBegin(number + 1n, segmentSizeBytes);
  parts.push({ kind: "cut", begin, end, segment: nameOf(survey, island, number), flaw });
  if (behind) parts.push(...(await surveyIsland(survey, { island: behind, isLast }, context)));
  return parts;
}

/** Backups that need no WAL from outside of the island. */
function backupsWithin({ backups, archive }: IslandSurvey, island: Island): ManifestHeader[] {
  const { segmentSizeBytes } = archive.record;
  const end = islandEnd(island, segmentSizeBytes);
  return backups.filter(
    ({ startLsn, stopLsn }) =>
      segmentNumberAt(startLsn, segmentSizeBytes) >= firstNumber(island) &&
      segmentNumberBefore(stopLsn, segmentSizeBytes) <= lastNumber(island) &&
      stopLsn <= end,
  );
}

/** The segments of an island from its end back to the one that holds `until`. */
async function* lookBack(
  survey: IslandSurvey,
  island: Island,
  { until, context }: { readonly until: Lsn; readonly context: Context },
): AsyncGenerator<SegmentLook, void, undefined> {
  const floor = segmentNumberAt(until, survey.archive.record.segmentSizeBytes);
  let last = lastNumber(island);
  for (let count = 1n; last >= floor; count = count < LOOK_BACK_COUNT_MAX ? 2n * count : count) {
    const numbers: bigint[] = [];
    for (; last >= floor && BigInt(numbers.length) < count; last -= 1n) numbers.unshift(last);
    yield* (await lookAtNumbers(survey, island, { numbers, context })).toReversed();
  }
}

/** Looks at segments, those together that follow each other. */
async function lookAtNumbers(
  survey: IslandSurvey,
  island: Island,
  { numbers, context }: { readonly numbers: readonly bigint[]; readonly context: Context },
): Promise<readonly SegmentLook[]> {
  const looks: SegmentLook[] = [];
  let together: LookedSegment[] = [];
  for (const number of numbers) {
    if (together.length > 0 && together.at(-1)?.number !== number - 1n) {
      looks.push(...(await lookAt(survey, together, context)));
      together = [];
    }
    const leftAt = number === lastNumber(island) ? island.end : undefined;
    together.push({ number, name: nameOf(survey, island, number), leftAt });
  }
  return [...looks, ...(await lookAt(survey, together, context))];
}

function nameOf({ archive }: IslandSurvey, { runs }: Island, number: bigint): string {
  const run = runs.find(({ first, last }) => first <= number && number <= last);
  if (!run) throw new TypeError(`segment ${number} is not in the island`);
  return formatSegmentName({ timeline: run.timeline, number }, archive.record.segmentSizeBytes);
}
