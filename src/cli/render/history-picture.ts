// A picture of history for a terminal: how much WAL was written when, where rows were deleted, where tables were truncated
// or dropped, where restore points and backups are. On a terminal with blocks, elsewhere with letters that every eye and
// every log can take. It shows the time that was asked for, else that of the transactions that were read.
import { displayZone, formatInZone } from "../../model/timestamp.ts";
import type { SegmentProfile } from "../../recovery/segment-profile.ts";
import type { FoundView } from "./find-json.ts";
import { PictureColumns, type Span } from "./picture-columns.ts";
import { isPlainOutput } from "./streams.ts";
import { formatNumber } from "./units.ts";

/** Some lines of text; one when nothing ended. */
export function historyPicture(all: FoundView, isPlain: boolean = isPlainOutput()): string {
  const { view, result } = all;
  const columns = PictureColumns.of(spanOf(all), isPlain);
  if (!columns) return "Nothing happened in this history.";
  const wal = columns.amounts(walStretches(result.profile));
  const deleted = columns.amounts(
    result.profile.flatMap((segment) =>
      segment.deleted.map(({ from, to, rows }) => ({ begin: from, end: to, amount: rows })),
    ),
  );
  const marks = result.profile
    .flatMap((segment) => segment.marks)
    .map(({ at, kind }) => ({ at, sign: kind === "dropped" ? "D" : "T" }));
  const points = result.points.map(({ at }) => ({
    at: nearestShown(at, all, columns.span),
    sign: "P",
  }));
  const backups = view.backups.map(({ stopTime, type }) => ({
    at: stopTime,
    sign: type === "full" ? "F" : type === "diff" ? "D" : "I",
  }));
  const { begin, end } = columns.span;
  const highestWal = megabytes(wal.highest * view.archive.record.segmentSizeBytes);
  return [
    `${formatInZone(begin, view.timeZone)}  to  ${formatInZone(end, view.timeZone)}  ${displayZone(view.timeZone)}`,
    `WAL written    |${wal.bars}| at most ${highestWal} a column`,
    `rows deleted   |${deleted.bars}| at most ${formatNumber(Math.round(deleted.highest))} a column`,
    `tables lost    |${columns.signs(marks)}| T truncated, D dropped`,
    `restore points |${columns.signs(points)}| P`,
    `backups        |${columns.signs(backups)}| F full, D differential, I incremental`,
  ].join("\n");
}

/** What was asked for; where that is open, from the first to the last end of a transaction. */
function spanOf({ query: { from, to }, result }: FoundView): Span | undefined {
  const times = result.profile
    .flatMap((segment) => [segment.from, segment.to])
    .filter((time) => time !== undefined)
    .toSorted((left, right) => Temporal.Instant.compare(left, right));
  const [begin, end] = [from ?? times[0], to ?? times.at(-1)];
  if (!begin || !end || Temporal.Instant.compare(begin, end) > 0) return undefined;
  return { begin, end };
}

/** A restore point beyond the last transaction is shown at the edge, unless a time was asked for there. */
function nearestShown(
  at: Temporal.Instant,
  { query: { from, to } }: FoundView,
  { begin, end }: Span,
): Temporal.Instant {
  if (!from && Temporal.Instant.compare(at, begin) < 0) return begin;
  return !to && Temporal.Instant.compare(at, end) > 0 ? end : at;
}

interface Stretch {
  readonly begin: Temporal.Instant;
  readonly end: Temporal.Instant;
  readonly amount: number;
}

/** When segments were written: between their first and their last end of a transaction; those without, between others'. */
function walStretches(profile: readonly SegmentProfile[]): readonly Stretch[] {
  const stretches: Stretch[] = [];
  let before: Temporal.Instant | undefined;
  let silentCount = 0;
  for (const { from, to } of profile) {
    if (!from || !to) {
      silentCount += 1;
      continue;
    }
    if (silentCount > 0) stretches.push({ begin: before ?? from, end: from, amount: silentCount });
    silentCount = 0;
    stretches.push({ begin: from, end: to, amount: 1 });
    before = to;
  }
  if (silentCount > 0 && before)
    stretches.push({ begin: before, end: before, amount: silentCount });
  return stretches;
}

function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
