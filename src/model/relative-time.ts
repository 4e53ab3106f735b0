// Times as people say them: `5 minutes ago`. Days and weeks are 24 hours and seven times that, whatever the clocks did.

const UNITS: readonly (readonly [RegExp, number])[] = [
  [/^(?:seconds?|secs?)$/, 1],
  [/^(?:minutes?|mins?)$/, 60],
  [/^hours?$/, 3600],
  [/^days?$/, 86_400],
  [/^weeks?$/, 7 * 86_400],
];
const RELATIVE_TEXT = /^((?:(?:\d{1,7}|an?)\s+[a-z]+(?:\s+and\s+|\s*,\s*|\s+))+)ago$/;
const PART = /(\d{1,7}|an?)\s+([a-z]+)/g;

/**
 * Reads `5 minutes ago`, `an hour ago`, `1 hour 30 minutes ago`.
 *
 * @param now what it is counted from.
 * @returns undefined for a text that has not this form, or another unit.
 */
export function parseRelativeTime(
  text: string,
  now: Temporal.Instant,
): Temporal.Instant | undefined {
  const [, amounts] = RELATIVE_TEXT.exec(text.trim().toLowerCase()) ?? [];
  if (amounts === undefined) return undefined;
  let seconds = 0;
  for (const [, count = "", unit = ""] of amounts.matchAll(PART)) {
    const [, unitSeconds] = UNITS.find(([pattern]) => pattern.test(unit)) ?? [];
    if (unitSeconds === undefined) return undefined;
    seconds += (count.startsWith("a") ? 1 : Number(count)) * unitSeconds;
  }
  return now.subtract({ seconds });
}
