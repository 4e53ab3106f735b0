// One line of the server log, taken apart. Servers that Hindsight starts log with the prefix below, in English and in
// UTC, so that the same few patterns hold on every major version. What the messages mean: postgres/recovery-log.ts.

/** The `log_line_prefix` of the servers that Hindsight starts: time with milliseconds, process id, kind of process. */
export const LOG_LINE_PREFIX = "%m [%p] %b ";

/** How grave a line is, or which part of the message before it a line carries. */
export type LogSeverity =
  | "LOG"
  | "INFO"
  | "NOTICE"
  | "WARNING"
  | "ERROR"
  | "FATAL"
  | "PANIC"
  | "DETAIL"
  | "HINT"
  | "CONTEXT"
  | "STATEMENT";

/** A line that PostgreSQL itself wrote. */
export interface LogLine {
  /** To the millisecond; undefined when the log is not written in UTC. */
  readonly at: Temporal.Instant | undefined;
  readonly pid: number;
  /** Such as `startup`, `postmaster` or `client backend`; undefined when the prefix has no `%b`. */
  readonly process: string | undefined;
  readonly severity: LogSeverity;
  readonly message: string;
}

const LINE =
  /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}\.\d{3}) ([A-Za-z0-9+:-]+) \[(\d+)\] (?:([^:[\]]*?) )?(LOG|INFO|NOTICE|WARNING|ERROR|FATAL|PANIC|DETAIL|HINT|CONTEXT|STATEMENT): {2}(.*)$/;

/**
 * Takes a line apart.
 *
 * @returns undefined for everything that is not the first line of a message: the rest of a message of several lines,
 *   what a `restore_command` printed, and the few words PostgreSQL prints before its log is set up.
 */
export function parseLogLine(line: string): LogLine | undefined {
  const [, date, time, zone, pid, process, severity, message] = LINE.exec(line) ?? [];
  if (severity === undefined || message === undefined) return undefined;
  const universal = zone === "UTC" || zone === "GMT"; // GMT: before log_timezone takes effect
  return {
    at: universal ? Temporal.Instant.from(`${date}T${time}Z`) : undefined,
    pid: Number(pid),
    process: process === "" ? undefined : process,
    severity: severity as LogSeverity,
    message,
  };
}
