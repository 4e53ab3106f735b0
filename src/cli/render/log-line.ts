// Log lines as text: `INFO: backup command begin, version = 0.1.0`.
import type { LogFields, LogLevel } from "../../base/log.ts";

const COLOURS: Partial<Record<LogLevel, string>> = {
  error: "\u001b[31m",
  warn: "\u001b[33m",
  debug: "\u001b[2m",
};
const COLOUR_END = "\u001b[0m";

/** One line without line break. Fields follow as `, name = value`; undefined ones are left out. */
export function formatLogLine(
  level: LogLevel,
  message: string,
  { fields, colour = false }: { readonly fields: LogFields; readonly colour?: boolean },
): string {
  const tail = Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `, ${name} = ${formatField(value)}`)
    .join("");
  const line = `${level.toUpperCase()}: ${message}${tail}`.replace(/[\r\n]+/g, " ");
  const start = colour ? COLOURS[level] : undefined;
  return start === undefined ? line : `${start}${line}${COLOUR_END}`;
}

function formatField(value: unknown): string {
  if (typeof value === "string") return value;
  if (value instanceof Error) return value.message;
  const text = JSON.stringify(value, (_key, member: unknown) =>
    typeof member === "bigint" ? String(member) : member,
  );
  // A value that has its own form in JSON, such as an instant or a secret, comes as a quoted text.
  return text.replace(/^"(.*)"$/, "$1");
}
