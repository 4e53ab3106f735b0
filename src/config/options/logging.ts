// Options that say what is logged where. The result of a command is never a log line.

/** Rows of the option table on logs. */
export const LOGGING_OPTIONS = {
  "log-level-console": {
    type: "enum",
    values: ["off", "error", "warn", "info", "detail", "debug", "trace"],
    default: "warn",
    summary: "how much goes to standard error",
    example: "info",
  },
  "log-level-file": {
    type: "enum",
    values: ["off", "error", "warn", "info", "detail", "debug", "trace"],
    default: "info",
    summary: "how much goes to the log file",
    example: "debug",
  },
  "log-level-stderr": {
    type: "enum",
    values: ["off", "error", "warn", "info", "detail", "debug", "trace"],
    default: "off",
    summary: "kept for pgBackRest's files: every console line goes to standard error anyway",
    effect: "none",
  },
  "log-path": {
    type: "path",
    default: "/var/log/hindsight",
    summary: "directory of log files, one for each stanza and command",
  },
  "log-subprocess": {
    type: "boolean",
    default: "n",
    summary: "log files of subprocesses",
    effect: "none",
  },
  "log-timestamp": {
    type: "boolean",
    default: "y",
    summary: "time stamps in log files",
  },
} as const;
