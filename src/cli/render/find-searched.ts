// What a search of `hindsight find` looked at, and what it did not: the range of times, the end of the archive, gaps, other
// branches. Whoever reads "no transaction matched" must know where none was.
import { formatLsn } from "../../model/lsn.ts";
import { describeInstant } from "../../model/timestamp.ts";
import type { FindResult } from "../../recovery/find.ts";
import { type FoundView, segmentNameOn } from "./find-json.ts";
import { counted } from "./units.ts";

/** Some lines, the range that was searched first. */
export function searchedLines(all: FoundView): readonly string[] {
  const { view, result } = all;
  const segments = counted(result.profile.length, "WAL segment");
  return [
    `Searched ${segments} of timeline ${view.history.timeline}${rangeText(all)}.`,
    ...endLines(all),
    ...unindexedDoubt(result),
    ...gapDoubts(all),
    ...branchLines(all),
    "Unlogged and temporary tables leave no trace in WAL.",
  ];
}

function rangeText({ query: { from, to }, view: { timeZone } }: FoundView): string {
  const text = (instant: Temporal.Instant): string => describeInstant(instant, timeZone);
  if (from && to) return `, for what ended between ${text(from)} and ${text(to)}`;
  if (from) return `, for what ended at ${text(from)} or later`;
  return to ? `, for what ended by ${text(to)}` : "";
}

function endLines({ query, view, result: { end } }: FoundView): readonly string[] {
  if (end?.lsn === undefined) return [];
  const { lastCommit } = end;
  const last = lastCommit
    ? `, with a last commit at ${describeInstant(lastCommit.at, view.timeZone)}`
    : "";
  const isBehind =
    query.from && lastCommit && Temporal.Instant.compare(query.from, lastCommit.at) > 0;
  return [
    `The archive ends at ${formatLsn(end.lsn)}${last}. What is later is not archived yet: \`select pg_switch_wal()\` in production hands over the rest.`,
    ...(isBehind ? ["--from lies behind the last commit that is archived."] : []),
  ];
}

function unindexedDoubt({ unindexedCount }: FindResult): readonly string[] {
  if (unindexedCount === 0) return [];
  return [
    `${counted(unindexedCount, "segment")} had no WAL index and ${unindexedCount === 1 ? "was" : "were"} read whole; \`hindsight index --rebuild\` makes this faster.`,
  ];
}

function gapDoubts({ view, result }: FoundView): readonly string[] {
  const name = (number: bigint): string => segmentNameOn(view, number);
  return [
    ...result.missing.map(
      ({ first, last }) =>
        `NOT SEARCHED, because not archived: ${first === last ? name(first) : `${name(first)} to ${name(last)}`}.`,
    ),
    ...result.unreadable.map(
      ({ name: segment, error }) => `NOT SEARCHED: ${segment}: ${error.message}.`,
    ),
  ];
}

function branchLines({ view: { branches } }: FoundView): readonly string[] {
  return branches.map(({ timeline, behind }) => {
    const where =
      behind === undefined
        ? `timeline ${timeline} is another branch`
        : `timeline ${timeline} goes on behind ${formatLsn(behind)}`;
    return `NOT SEARCHED: ${where}; --target-timeline=${timeline} looks there.`;
  });
}
