// Whether the records of segments that follow each other by name follow each other in WAL. Names prove nothing: a server
// that was promoted elsewhere, or whose WAL was reset, writes segments of the same names, and a segment may be cut short by
// damage. Each record names the one before it, and that is what counts.
import type { HindsightError } from "../base/errors.ts";
import { failure } from "../model/failure.ts";
import { formatLsn, type Lsn } from "../model/lsn.ts";
import type { WalIndex } from "../wal/index-content.ts";
import type { WalEnd } from "../wal/reader.ts";

/** A segment as it stands on a path. */
interface Link {
  readonly name: string;
  /** Where the path leaves it. */
  readonly limit: Lsn | undefined;
  readonly index: WalIndex;
  /** Whether it begins inside a record whose beginning is not there. */
  readonly isHeadMissing: boolean;
}

/** What a crash may leave at the end of WAL, when it is written no further. */
const ENDS_OF_WRITING: ReadonlySet<WalEnd["reason"]> = new Set([
  "zeros",
  "pageAddress",
  "previousLink",
  "continuationMissing",
]);

/** Takes the segments of a path in order. */
export class Continuity {
  /** The segment with the last record so far. */
  #before: { readonly name: string; readonly index: WalIndex } | undefined;

  /** What comes next does not follow, and that is known. */
  reset(): void {
    this.#before = undefined;
  }

  /** @returns what is wrong when the segment does not go on where the one before it ends. */
  take({ name, index, isHeadMissing }: Link): HindsightError | undefined {
    const before = this.#before;
    const { first } = index;
    if (index.last) this.#before = { name, index };
    const last = before?.index.last;
    if (!before || !last) return undefined;
    const follows = !isHeadMissing && (first === undefined || first.previous === last.lsn);
    return follows ? undefined : brokenBetween(before.name, name, last.endLsn);
  }
}

/** Where WAL ends inside a segment, unless the path leaves it before that. */
export function endOnPath({ index: { end }, limit }: Link): WalEnd | undefined {
  return end !== undefined && (limit === undefined || end.lsn < limit) ? end : undefined;
}

/** Whether WAL may end like this at the end of an archive without anything being damaged. */
export function isEndOfWriting({ reason }: WalEnd): boolean {
  return ENDS_OF_WRITING.has(reason);
}

/** The error for WAL that ends inside a segment, although more was written behind. */
export function cutError(name: string, end: WalEnd): HindsightError {
  return failure(
    "WAL_SEGMENT_INVALID",
    `WAL ends inside segment ${name} at ${formatLsn(end.lsn)}: ${describeEnd(end)}`,
    {
      hint: CONTINUITY_HINT,
      context: { segment: name, lsn: formatLsn(end.lsn), reason: end.reason },
    },
  );
}

function brokenBetween(before: string, name: string, endLsn: Lsn): HindsightError {
  const lsn = formatLsn(endLsn);
  return failure(
    "WAL_SEGMENT_INVALID",
    `WAL segment ${name} does not go on where ${before} ends, at ${lsn}`,
    { hint: CONTINUITY_HINT, context: { segment: name, lsn } },
  );
}

/** What can be done about WAL that recovery cannot pass. */
export const CONTINUITY_HINT =
  "PostgreSQL would end recovery there. Recover to a point before it, or from a backup behind it.";

const END_REASONS: Readonly<Record<WalEnd["reason"], string>> = {
  zeros: "there are only zeros",
  segmentMissing: "the next segment is missing",
  length: "a record has an impossible length",
  resourceManager: "a record has an unknown resource manager",
  previousLink: "a record does not follow the one before it",
  checksum: "a record does not match its checksum",
  body: "a record is malformed",
  pageMagic: "a page has the wrong magic",
  pageFlags: "a page header is damaged",
  pageOwner: "a page is of another cluster",
  pageAddress: "a page belongs to another place",
  pageTimeline: "a page is of an older timeline than the one before it",
  continuationMissing: "a record is not continued on the next page",
  continuationLength: "a record is continued with another length",
  position: "no record begins there",
};

/** The reason in words. */
export function describeEnd({ reason }: WalEnd): string {
  return END_REASONS[reason];
}
