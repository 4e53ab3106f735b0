// Where log lines go: standard error (log-level-console) and a file of the stanza and command (log-path,
// log-level-file). A log that cannot be written never changes what a command does or how it ends.
import { closeSync, constants, fchmodSync, mkdirSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import type { Clock } from "../base/clock.ts";
import { errorMessage } from "../base/errors.ts";
import { createLog, type Log, type LogLevel, type LogSink } from "../base/log.ts";
import type { Settings } from "../config/settings.ts";
import { formatLogLine } from "./render/log-line.ts";
import { isLively, writeNotice } from "./render/streams.ts";

const LOG_FILE_MODE = 0o640;

/** The log of one run; dispose it to close its file. */
export interface RunLog extends Disposable {
  readonly log: Log;
}

/** Opens the log that the settings ask for. */
export function openLog(settings: Settings, clock: Clock): RunLog {
  const console = createLog(knownLevel(settings.get("log-level-console")), consoleSink());
  const file = openLogFile(settings, console);
  const toFile = file === undefined ? undefined : fileLog(settings, file, clock);
  return {
    log: toFile === undefined ? console : bothLogs(console, toFile),
    [Symbol.dispose]() {
      if (file !== undefined) closeSync(file);
    },
  };
}

/** pgBackRest's `trace` is our `debug`. */
function knownLevel(word: LogLevel | "trace"): LogLevel {
  return word === "trace" ? "debug" : word;
}

function consoleSink(): LogSink {
  const colour = isLively();
  return (level, message, fields) => writeNotice(formatLogLine(level, message, { fields, colour }));
}

/** Undefined when nothing is to be written or nothing can be. */
function openLogFile(settings: Settings, console: Log): number | undefined {
  if (settings.get("log-level-file") === "off") return undefined;
  const directory = settings.get("log-path");
  const isConfigured = settings.origin("log-path") !== "default";
  const path = join(directory, `${settings.stanza ?? "all"}-${settings.command}.log`);
  try {
    if (isConfigured) mkdirSync(directory, { recursive: true, mode: 0o750 });
    const { O_APPEND, O_CREAT, O_WRONLY, O_NOFOLLOW } = constants;
    const file = openSync(path, O_APPEND | O_CREAT | O_WRONLY | O_NOFOLLOW, LOG_FILE_MODE);
    try {
      // The umask may have taken the group's right to read; another owner's file stays as it is.
      fchmodSync(file, LOG_FILE_MODE);
    } catch {
      // Not ours: appending is all we need.
    }
    return file;
  } catch (error) {
    const fields = { reason: errorMessage(error) };
    // The default directory exists where a package made it; elsewhere nobody asked for a file.
    if (isConfigured) console.warn("no log file is written", fields);
    else console.debug("no log file is written", fields);
    return undefined;
  }
}

function fileLog(settings: Settings, file: number, clock: Clock): Log {
  const level = knownLevel(settings.get("log-level-file"));
  const hasTime = settings.get("log-timestamp");
  let isBroken = false;
  return createLog(level, (lineLevel, message, fields) => {
    if (isBroken) return;
    const time = hasTime ? `${clock.now().toString({ fractionalSecondDigits: 3 })} ` : "";
    const line = `${time}P${process.pid} ${formatLogLine(lineLevel, message, { fields })}\n`;
    try {
      writeSync(file, line);
    } catch {
      isBroken = true;
    }
  });
}

function bothLogs(first: Log, second: Log): Log {
  return createLog("debug", (level, message, fields) => {
    first[level](message, fields);
    second[level](message, fields);
  });
}
