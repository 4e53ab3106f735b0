// Instants and their texts. PostgreSQL counts microseconds from 2000-01-01; we hold Temporal.Instant, print UTC and the
// cluster's own zone, always with offset, and never hand PostgreSQL a text without one.
import { failure } from "./failure.ts";
import { parseRelativeTime } from "./relative-time.ts";

const POSTGRES_EPOCH_MICROSECONDS = 946_684_800_000_000n;

/** The instant of a PostgreSQL TimestampTz: microseconds since 2000-01-01 00:00:00 UTC. */
export function fromPostgresMicroseconds(microseconds: bigint): Temporal.Instant {
  return Temporal.Instant.fromEpochNanoseconds(
    (microseconds + POSTGRES_EPOCH_MICROSECONDS) * 1000n,
  );
}

/** The inverse of {@link fromPostgresMicroseconds}; parts of a microsecond are dropped. */
export function toPostgresMicroseconds(instant: Temporal.Instant): bigint {
  return instant.epochNanoseconds / 1000n - POSTGRES_EPOCH_MICROSECONDS;
}

/** `2025-11-19T11:49:45.123456Z`, the form of JSON and of the repository. */
export function formatInstant(instant: Temporal.Instant): string {
  return instant.toString({ fractionalSecondDigits: 6 });
}

/**
 * Reads the form that {@link formatInstant} writes, or any ISO 8601 time with offset.
 *
 * @throws {HindsightError} `TIMESTAMP_INVALID`
 */
export function parseInstant(text: string): Temporal.Instant {
  try {
    return Temporal.Instant.from(text);
  } catch (cause) {
    throw failure("TIMESTAMP_INVALID", `"${text}" is not an instant with offset`, { cause });
  }
}

/**
 * `2025-11-19 11:49:45.123456+00:00`, as people and PostgreSQL read it, in a zone such as `UTC` or `Europe/Paris`; in UTC
 * for a zone of {@link displayZone}.
 */
export function formatInZone(instant: Temporal.Instant, timeZone: string): string {
  const zoned = instant.toZonedDateTimeISO(displayZone(timeZone));
  return `${zoned.toPlainDate().toString()} ${zoned.toPlainTime().toString({ fractionalSecondDigits: 6 })}${zoned.offset}`;
}

/** UTC and, when it differs, the cluster's own zone: `2025-11-19 11:49:45.123456+00:00 (12:49:45.123456+01:00 Europe/Paris)`. */
export function describeInstant(instant: Temporal.Instant, timeZone: string): string {
  const universal = formatInZone(instant, "UTC");
  if (isUniversal(displayZone(timeZone))) return universal;
  return `${universal} (${formatInZone(instant, timeZone)} ${timeZone})`;
}

/** The zone in which times of a cluster are shown: its own, or UTC where only PostgreSQL knows it, such as `<+03>-03`. */
export function displayZone(timeZone: string): string {
  return isKnownZone(timeZone) ? timeZone : "UTC";
}

function isUniversal(timeZone: string): boolean {
  return ["UTC", "Etc/UTC", "GMT", "Etc/GMT", "UCT", "Zulu"].includes(timeZone);
}

/** Whether a zone has a name that everybody knows; PostgreSQL also takes POSIX forms such as `<+03>-03`. */
function isKnownZone(timeZone: string): boolean {
  try {
    Temporal.Instant.fromEpochMilliseconds(0).toZonedDateTimeISO(timeZone);
    return true;
  } catch {
    return false;
  }
}

/** What a time text meant, with the reading spelled out so that it can be echoed. */
export interface TimeReading {
  readonly instant: Temporal.Instant;
  /** Where the offset came from: the text itself, a zone named in the text, or the cluster. */
  readonly zone: string;
  /** Date and time as a clock in that zone shows them; undefined for a time that was counted from now. */
  readonly local?: Temporal.PlainDateTime | undefined;
}

const TIME_TEXT =
  /^(?:(\d{4}-\d{2}-\d{2})(?:[T ]+|$))?(?:(\d{1,2}:[0-5]\d(?::[0-5]\d(?:\.\d{1,6})?)?))?\s*(Z|[+-]\d{2}(?::?\d{2})?(?::?\d{2})?|[A-Za-z]+(?:\/[A-Za-z0-9_+-]+)*)?$/;

/**
 * Reads what a DBA types as a time target.
 *
 * Accepted: `2025-11-19 11:49:45.123456+01`, the same with `T` or `Z`, with a zone name (`Europe/Paris`), or without
 * offset (read in `timeZone`); a date alone is its midnight; a clock time alone is the most recent past one;
 * `5 minutes ago`. Zone abbreviations other than UTC and GMT are refused: they mean different things to different people.
 *
 * @param timeZone the cluster's TimeZone setting.
 * @param now what "the most recent past" is counted from.
 * @throws {HindsightError} `TIMESTAMP_INVALID` for a text that is not a time; `TARGET_INVALID` for a local time that a
 *   clock change skipped or repeated, with both readings in the hint.
 */
export function parseTimeTarget(
  text: string,
  timeZone: string,
  now: Temporal.Instant,
): TimeReading {
  const relative = parseRelativeTime(text, now);
  if (relative) return { instant: relative, zone: timeZone };
  const [, date, time, zone] = TIME_TEXT.exec(text.trim()) ?? [];
  if (date === undefined && time === undefined) throw notATime(text);
  const offset = zone === undefined ? undefined : readOffset(zone);
  const zoneName = offset ?? zone ?? timeZone;
  if (zone === undefined && !isKnownZone(timeZone)) throw withoutOffset(text, timeZone);
  const isAbbreviation = zone !== undefined && /^[A-Za-z]+$/.test(zone);
  if (isAbbreviation ? !ABBREVIATIONS.includes(zone) : !isKnownZone(zoneName)) {
    throw notAZone(text, zoneName);
  }
  try {
    const clock = Temporal.PlainTime.from(
      (time ?? "00:00").padStart(5, "0").replace(/^(\d):/, "0$1:"),
    );
    const day = date === undefined ? undefined : Temporal.PlainDate.from(date);
    const instant = day
      ? resolveLocal(day.toPlainDateTime(clock), zoneName)
      : mostRecent(clock, zoneName, now);
    const local = instant.toZonedDateTimeISO(zoneName).toPlainDateTime();
    return { instant, zone: zone ?? timeZone, local };
  } catch (cause) {
    if (cause instanceof RangeError) throw notATime(text, cause);
    throw cause;
  }
}

function withoutOffset(text: string, timeZone: string): Error {
  return failure(
    "TARGET_INVALID",
    `"${text}" has no offset, and the cluster's time zone "${timeZone}" is no zone name`,
    {
      hint: "Write the offset, such as 2025-11-19 11:49:45+00.",
    },
  );
}

function notAZone(text: string, zone: string): Error {
  return failure("TIMESTAMP_INVALID", `"${zone}" in "${text}" is no time zone`, {
    hint: "Write the offset, such as +01, or a name such as Europe/Paris; abbreviations mean different things to different people.",
  });
}

function notATime(text: string, cause?: unknown): Error {
  return failure("TIMESTAMP_INVALID", `"${text}" is not a time that can be a target`, {
    hint: "Write date, time and offset, such as 2025-11-19 11:49:45.123456+00; without an offset the cluster's time zone counts.",
    cause,
  });
}

/** Abbreviations that mean the same to everybody. */
const ABBREVIATIONS = ["UTC", "GMT", "Z"];

/**
 * The same date and time on the clock that the writer may have looked at instead: the cluster's, where the text was read
 * as UTC, else UTC's.
 *
 * @returns undefined where there is no other reading.
 */
export function otherReading(
  { local, instant }: TimeReading,
  timeZone: string,
): TimeReading | undefined {
  if (!local) return undefined;
  const wasUniversal = local.equals(instant.toZonedDateTimeISO("UTC").toPlainDateTime());
  const zone = wasUniversal ? timeZone : "UTC";
  if (!isKnownZone(zone)) return undefined;
  const other = local.toZonedDateTime(zone).toInstant();
  return other.equals(instant) ? undefined : { instant: other, zone, local };
}

/** `+HH:MM` of `Z`, `+HH`, `+HHMM` or `+HH:MM`; undefined for a zone's name. */
function readOffset(zone: string): string | undefined {
  if (zone === "Z") return "+00:00";
  const parts = /^([+-])(\d{2}):?(\d{2})?$/.exec(zone);
  return parts ? `${parts[1]}${parts[2]}:${parts[3] ?? "00"}` : undefined;
}

function resolveLocal(local: Temporal.PlainDateTime, zone: string): Temporal.Instant {
  const earlier = local.toZonedDateTime(zone, { disambiguation: "earlier" });
  const later = local.toZonedDateTime(zone, { disambiguation: "later" });
  if (earlier.epochNanoseconds === later.epochNanoseconds) return earlier.toInstant();
  const skipped = !earlier.toPlainDateTime().equals(local);
  const readings = [earlier, later]
    .map((reading) => formatInZone(reading.toInstant(), zone))
    .join(" or ");
  throw failure(
    "TARGET_INVALID",
    `${local.toString().replace("T", " ")} ${skipped ? "does not exist" : "exists twice"} in ${zone}, where the clocks changed`,
    { hint: `Say which instant is meant, with its offset: ${readings}.` },
  );
}

function mostRecent(
  clock: Temporal.PlainTime,
  zone: string,
  now: Temporal.Instant,
): Temporal.Instant {
  const today = now.toZonedDateTimeISO(zone).toPlainDate();
  const instant = resolveLocal(today.toPlainDateTime(clock), zone);
  if (Temporal.Instant.compare(instant, now) <= 0) return instant;
  return resolveLocal(today.subtract({ days: 1 }).toPlainDateTime(clock), zone);
}
