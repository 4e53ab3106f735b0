// The log is handed in. A line is a constant lower-case message and fields with their units; how it looks is the
// business of cli/render.

/** From silent to chatty; a line is written when its level is at or before the configured one. */
export const LOG_LEVELS = ["off", "error", "warn", "info", "detail", "debug"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Facts beside a message, with units in their names. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Takes lines by level. Messages are constant and lower case; what varies goes into the fields. */
export interface Log {
  error(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  detail(message: string, fields?: LogFields): void;
  debug(message: string, fields?: LogFields): void;
}

/** Receives one line; `level` is never "off". */
export type LogSink = (level: Exclude<LogLevel, "off">, message: string, fields: LogFields) => void;

/** Builds a log that passes lines at or before `threshold` to `sink`. */
export function createLog(threshold: LogLevel, sink: LogSink): Log {
  const rank = LOG_LEVELS.indexOf(threshold);
  const writer =
    (level: Exclude<LogLevel, "off">) =>
    (message: string, fields: LogFields = {}): void => {
      if (LOG_LEVELS.indexOf(level) <= rank) sink(level, message, fields);
    };
  return {
    error: writer("error"),
    warn: writer("warn"),
    info: writer("info"),
    detail: writer("detail"),
    debug: writer("debug"),
  };
}

/** A log that drops everything. */
export const silentLog: Log = createLog("off", () => undefined);
