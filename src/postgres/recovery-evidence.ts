// Collects from the log of a server that did not survive its recovery what an explanation needs: the message that ended
// it, what PostgreSQL added to it, what restore_command printed just before, and how far recovery had come.
import { isClientFailure, recognise, type RecoveryStop } from "./recovery-log.ts";
import { type LogLine, parseLogLine } from "./log-line.ts";

/** What is known about a failed recovery. */
export interface RecoveryEvidence {
  /** The first FATAL or PANIC of the server itself, or the death of its startup process; undefined: there is none. */
  readonly fatal: { readonly severity: string; readonly message: string } | undefined;
  /** DETAIL lines of that message. */
  readonly details: readonly string[];
  /** What was printed without PostgreSQL's prefix just before: the voice of restore_command. */
  readonly said: readonly string[];
  /** LOG lines about settings, which come before "configuration file contains errors". */
  readonly settingErrors: readonly string[];
  /** Set when the target was reached before the failure. */
  readonly stop: RecoveryStop | undefined;
  readonly target: string | undefined;
  readonly lastTransaction: Temporal.Instant | undefined;
  /** Why WAL could not be read further, when that was no normal end. */
  readonly walDamage: string | undefined;
  readonly redoDone: boolean;
}

/** Lines of restore_command's output that are quoted at most. */
const SAID_LINES_MAX = 12;

const SETTING_ERROR =
  /^(?:unrecognized configuration parameter|invalid value for parameter|parameter "|syntax error in file|could not open configuration file|\d+(?:\.\d+)? .*is outside the valid range)/;
const STARTUP_DEATH = /^startup process \(PID \d+\) was terminated by signal /;

/** Reads the log of one start of a server, from its first line. */
export function collectEvidence(lines: readonly string[]): RecoveryEvidence {
  const parsed = lines.map((line) => parseLogLine(line));
  const end = indexOfFailure(parsed);
  const fatal = parsed[end];
  return {
    fatal: fatal && { severity: fatal.severity, message: fatal.message },
    details: detailsAfter(parsed, end),
    said: saidBefore(lines, parsed, end < 0 ? lines.length : end),
    settingErrors: parsed.flatMap((line) =>
      line?.severity === "LOG" && SETTING_ERROR.test(line.message) ? [line.message] : [],
    ),
    ...progressOf(lines),
  };
}

function indexOfFailure(parsed: readonly (LogLine | undefined)[]): number {
  return parsed.findIndex(
    (line) =>
      line !== undefined &&
      (((line.severity === "FATAL" || line.severity === "PANIC") && !isClientFailure(line)) ||
        STARTUP_DEATH.test(line.message)),
  );
}

function detailsAfter(parsed: readonly (LogLine | undefined)[], end: number): readonly string[] {
  const details: string[] = [];
  const pid = parsed[end]?.pid;
  for (const line of parsed.slice(end + 1)) {
    if (line === undefined) continue; // the rest of a longer message
    if (line.pid !== pid || !["DETAIL", "HINT", "CONTEXT"].includes(line.severity)) break;
    if (line.severity === "DETAIL") details.push(line.message);
  }
  return details;
}

function saidBefore(
  lines: readonly string[],
  parsed: readonly (LogLine | undefined)[],
  end: number,
): readonly string[] {
  const said: string[] = [];
  for (let at = end - 1; at >= 0 && parsed[at] === undefined; at -= 1) {
    const text = (lines[at] ?? "").trim();
    if (text !== "" && !(lines[at] ?? "").startsWith("\t")) said.unshift(text);
    if (said.length === SAID_LINES_MAX) break;
  }
  return said;
}

type Progress = Pick<
  RecoveryEvidence,
  "stop" | "target" | "lastTransaction" | "walDamage" | "redoDone"
>;

function progressOf(lines: readonly string[]): Progress {
  let progress: Progress = {
    stop: undefined,
    target: undefined,
    lastTransaction: undefined,
    walDamage: undefined,
    redoDone: false,
  };
  for (const line of lines) {
    const event = recognise(line)?.event;
    if (event?.kind === "stopping") progress = { ...progress, stop: event };
    if (event?.kind === "recoveryStarted") progress = { ...progress, target: event.target };
    if (event?.kind === "lastTransaction") progress = { ...progress, lastTransaction: event.time };
    if (event?.kind === "redoDone") progress = { ...progress, redoDone: true };
    if (event?.kind === "walEnded" && !event.expected)
      progress = { ...progress, walDamage: event.reason };
  }
  return progress;
}
