// A picture of history for a terminal: how much WAL was written when, where rows were deleted, where restore points and
// backups are. On a terminal with blocks, elsewhere with letters that every eye and every log can take.
import { displayZone, formatInZone } from "../../model/timestamp.ts";
import type { FoundView } from "./find-json.ts";
import { isPlainOutput } from "./streams.ts";

const WIDTH = 60;
const BLOCKS = " ▁▂▃▄▅▆▇█";
const LETTERS = " .:-=+*#@";

/** Some lines of text; one when nothing ended. */
export function historyPicture(
  { view, result }: FoundView,
  isPlain: boolean = isPlainOutput(),
): string {
  const times = result.profile
    .flatMap(({ from, to }) => [from, to])
    .filter((time) => time !== undefined);
  const points = result.points.map(({ at }) => at);
  const span = spanOf([...times, ...points]);
  if (!span) return "Nothing happened in this history.";
  const wal = columnsOf(0);
  const deleted = columnsOf(0);
  for (const segment of result.profile) {
    const { from, to } = segment;
    if (!from || !to) continue;
    spread(wal, [span.place(from), span.place(to)], 1);
    spread(deleted, [span.place(from), span.place(to)], segment.deleted);
  }
  const ticks = isPlain ? LETTERS : BLOCKS;
  const { segmentSizeBytes } = view.archive.record;
  const backups = view.backups
    .filter(({ stopTime }) => span.holds(stopTime))
    .map(
      ({ stopTime, type }) =>
        [span.place(stopTime), type === "full" ? "F" : type === "diff" ? "D" : "I"] as const,
    );
  const marks = points.map((at) => [span.place(at), "P"] as const);
  return [
    `${formatInZone(span.begin, view.timeZone)}  to  ${formatInZone(span.end, view.timeZone)}  ${displayZone(view.timeZone)}`,
    `WAL written    |${bars(wal, ticks)}| at most ${megabytes(Math.max(...wal) * segmentSizeBytes)} a column`,
    `rows deleted   |${bars(deleted, ticks)}| at most ${Math.round(Math.max(...deleted)).toLocaleString("en-US")} a column`,
    `restore points |${signs(marks)}| P`,
    `backups        |${signs(backups)}| F full, D differential, I incremental`,
  ].join("\n");
}

interface Span {
  readonly begin: Temporal.Instant;
  readonly end: Temporal.Instant;
  /** The column of an instant. */
  readonly place: (instant: Temporal.Instant) => number;
  readonly holds: (instant: Temporal.Instant) => boolean;
}

function spanOf(times: readonly Temporal.Instant[]): Span | undefined {
  const sorted = times.toSorted((left, right) => Temporal.Instant.compare(left, right));
  const [begin, end] = [sorted[0], sorted.at(-1)];
  if (!begin || !end) return undefined;
  const length = Math.max(1, end.epochMilliseconds - begin.epochMilliseconds);
  const place = (instant: Temporal.Instant): number => {
    const share = (instant.epochMilliseconds - begin.epochMilliseconds) / length;
    return Math.min(WIDTH - 1, Math.max(0, Math.floor(share * WIDTH)));
  };
  const holds = (instant: Temporal.Instant): boolean =>
    Temporal.Instant.compare(begin, instant) <= 0 && Temporal.Instant.compare(instant, end) <= 0;
  return { begin, end, place, holds };
}

function columnsOf<Value>(value: Value): Value[] {
  return Array.from({ length: WIDTH }, () => value);
}

/** Shares an amount out evenly over the columns of a stretch. */
function spread(columns: number[], [first, last]: readonly [number, number], amount: number): void {
  for (let column = first; column <= last; column += 1) {
    columns[column] = (columns[column] ?? 0) + amount / (last - first + 1);
  }
}

function bars(columns: readonly number[], ticks: string): string {
  const highest = Math.max(...columns);
  return columns
    .map((value) =>
      value === 0 ? " " : ticks[Math.max(1, Math.round((value / highest) * (ticks.length - 1)))],
    )
    .join("");
}

function signs(marks: readonly (readonly [number, string])[]): string {
  const line = columnsOf(" ");
  for (const [column, sign] of marks) line[column] = sign;
  return line.join("");
}

function megabytes(bytes: number): string {
  return `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}
