// What the server log says about a recovery, as facts. Every message that PostgreSQL 14 to 18 writes on the way from
// start to the end of recovery is recognised here by its text; the tests hold real logs of each major version. What a
// failure means in plain words: postgres/recovery-failure.ts. Who follows a running server: recovery/attempt.ts.
//
// Two texts mislead and are told apart on purpose. "recovery has paused" is also what a standby says when a setting
// is lower than on the primary: the target was not reached. And a recovery that ends because WAL is damaged says so
// only at LOG level ("incorrect resource manager data checksum"), then promotes as if nothing had happened.
import { type Lsn, parseLsn } from "../model/lsn.ts";
import { timeline, type Timeline } from "../model/timeline.ts";
import { type LogLine, parseLogLine } from "./log-line.ts";

/** What made recovery stop, and whether the thing itself was still applied (`before: false`) or not. */
export interface RecoveryStop {
  readonly reason: "commit" | "abort" | "restorePoint" | "lsn" | "immediate";
  readonly before: boolean;
  /** The low 32 bits of the transaction id, for a commit or an abort. */
  readonly xid: number | undefined;
  /** When the transaction ended or the restore point was made. */
  readonly time: Temporal.Instant | undefined;
  /** The restore point's name. */
  readonly name: string | undefined;
  /** For an LSN target: the start of the record. */
  readonly lsn: Lsn | undefined;
}

/**
 * One fact of the log.
 *
 * - `interrupted`, `syncing`: before recovery; `syncing` repeats while the directory is fsynced (15+).
 * - `recoveryStarted`: `target` in PostgreSQL's words; "the end of WAL" without a target.
 * - `segmentRestored`: restore_command delivered a segment or a history file. The last segment is delivered twice.
 * - `redoProgress`: every log_startup_progress_interval (15+).
 * - `stopping`: the target was reached. `paused` with `atTarget` follows only when hot standby is active.
 * - `redoDone`: the start of the last record that was applied.
 * - `walEnded`: why no more WAL could be read; a normal end has no such line, or `expected` is true.
 * - `settingTooLow`: recovery cannot go on before the setting is raised to `required`.
 * - `shutdown`: `begun`, `atTarget` (recovery_target_action), `afterFailure`, `complete`.
 * - `fatal`: only of the postmaster and the processes that recovery consists of, never of a client.
 */
export type RecoveryEvent =
  | { readonly kind: "serverStarted"; readonly version: string }
  | { readonly kind: "interrupted" }
  | { readonly kind: "syncing" }
  | { readonly kind: "recoveryStarted"; readonly target: string }
  | { readonly kind: "segmentRestored"; readonly name: string }
  | { readonly kind: "redoStarted"; readonly lsn: Lsn }
  | { readonly kind: "redoNotRequired" }
  | { readonly kind: "consistent"; readonly lsn: Lsn }
  | { readonly kind: "redoProgress"; readonly lsn: Lsn }
  | ({ readonly kind: "stopping" } & RecoveryStop)
  | { readonly kind: "paused"; readonly atTarget: boolean }
  | { readonly kind: "redoDone"; readonly lsn: Lsn }
  | { readonly kind: "lastTransaction"; readonly time: Temporal.Instant | undefined }
  | { readonly kind: "timelineSelected"; readonly timeline: Timeline }
  | { readonly kind: "recoveryComplete" }
  | { readonly kind: "ready" }
  | { readonly kind: "readyReadOnly" }
  | {
      readonly kind: "settingTooLow";
      readonly name: string;
      readonly value: number;
      readonly required: number;
    }
  | { readonly kind: "walEnded"; readonly reason: string; readonly expected: boolean }
  | {
      readonly kind: "shutdown";
      readonly step: "begun" | "atTarget" | "afterFailure" | "complete";
    }
  | { readonly kind: "fatal"; readonly severity: "FATAL" | "PANIC"; readonly message: string };

/** A fact and when PostgreSQL wrote it. */
export interface RecoveryLogEntry {
  readonly at: Temporal.Instant | undefined;
  readonly event: RecoveryEvent;
}

/**
 * Says what a line of the server log means for a recovery.
 *
 * @param line one line, without its line feed, written with {@link LOG_LINE_PREFIX} or `%m [%p] `.
 * @returns undefined for a line that says nothing about a recovery.
 * @source PostgreSQL src/backend/access/transam/xlogrecovery.c (15+), xlog.c (14), postmaster.c
 */
export function recognise(line: string): RecoveryLogEntry | undefined {
  const parts = parseLogLine(line);
  if (!parts) return undefined;
  const event = recogniseMessage(parts);
  return event && { at: parts.at, event };
}

function recogniseMessage(line: LogLine): RecoveryEvent | undefined {
  const { severity, message } = line;
  if (severity === "FATAL" || severity === "PANIC") {
    return isClientFailure(line) ? undefined : { kind: "fatal", severity, message };
  }
  const table = severity === "LOG" ? LOG_MESSAGES : severity === "DETAIL" ? DETAIL_MESSAGES : [];
  for (const [pattern, build] of table) {
    const parts = pattern.exec(message);
    if (parts) return build(parts.slice(1).map((part) => part ?? ""));
  }
  return undefined;
}

const CLIENT_MESSAGE =
  /^(?:the database system is |terminating |role "|database "|no pg_hba\.conf|sorry, too many clients|remaining connection slots|password authentication|canceling )/;

/** Whether a FATAL concerns one connection only, such as a client that came too early. */
export function isClientFailure(line: LogLine): boolean {
  if (line.severity === "PANIC") return false;
  if (line.process !== undefined && line.process !== "not initialized") {
    return !["postmaster", "startup", "checkpointer", "background writer"].includes(line.process);
  }
  return CLIENT_MESSAGE.test(line.message);
}

type MessageTable = readonly (readonly [
  RegExp,
  (parts: readonly string[]) => RecoveryEvent | undefined,
])[];

const LSN = "([0-9A-F]+/[0-9A-F]+)";

const LOG_MESSAGES: MessageTable = [
  [/^starting (PostgreSQL \S+)/, ([version = ""]) => ({ kind: "serverStarted", version })],
  [/^database system was (?:interrupted|shut down)/, () => ({ kind: "interrupted" })],
  [
    /^(?:syncing data directory|resetting unlogged relations) .*elapsed time/,
    () => ({ kind: "syncing" }),
  ],
  [
    /^starting point-in-time recovery to (.+)$/,
    ([target = ""]) => ({ kind: "recoveryStarted", target }),
  ],
  [/^starting archive recovery$/, () => ({ kind: "recoveryStarted", target: "the end of WAL" })],
  [
    /^restored log file "([^"]+)" from archive$/,
    ([name = ""]) => ({ kind: "segmentRestored", name }),
  ],
  [new RegExp(`^redo starts at ${LSN}$`), ([lsn = ""]) => atLsn("redoStarted", lsn)],
  [/^redo is not required$/, () => ({ kind: "redoNotRequired" })],
  [
    new RegExp(`^consistent recovery state reached at ${LSN}$`),
    ([lsn = ""]) => atLsn("consistent", lsn),
  ],
  [
    new RegExp(`^redo in progress, elapsed time: .* current LSN: ${LSN}$`),
    ([lsn = ""]) => atLsn("redoProgress", lsn),
  ],
  [
    /^recovery stopping (before|after) (commit|abort) of transaction (\d+), time (.+)$/,
    ([side, reason, xid, time = ""]) =>
      stopping(reason === "commit" ? "commit" : "abort", side === "before", {
        xid: Number(xid),
        time: readLogTime(time),
      }),
  ],
  [
    /^recovery stopping at restore point "(.*)", time (.+)$/,
    ([name = "", time = ""]) => stopping("restorePoint", false, { name, time: readLogTime(time) }),
  ],
  [
    new RegExp(`^recovery stopping (before|after) WAL location \\(LSN\\) "${LSN}"$`),
    ([side, lsn = ""]) => stopping("lsn", side === "before", { lsn: parseLsn(lsn) }),
  ],
  [/^recovery stopping after reaching consistency$/, () => stopping("immediate", false, {})],
  [/^pausing at the end of recovery$/, () => ({ kind: "paused", atTarget: true })],
  [/^recovery has paused$/, () => ({ kind: "paused", atTarget: false })],
  [new RegExp(`^redo done at ${LSN}(?: |$)`), ([lsn = ""]) => atLsn("redoDone", lsn)],
  [
    /^last completed transaction was at log time (.+)$/,
    ([time = ""]) => ({ kind: "lastTransaction", time: readLogTime(time) }),
  ],
  [
    /^selected new timeline ID: (\d+)$/,
    ([id]) => ({ kind: "timelineSelected", timeline: timeline(Number(id)) }),
  ],
  [/^archive recovery complete$/, () => ({ kind: "recoveryComplete" })],
  [/^database system is ready to accept connections$/, () => ({ kind: "ready" })],
  [
    /^database system is ready to accept read[- ]only connections$/,
    () => ({ kind: "readyReadOnly" }),
  ],
  [/^shutdown at recovery target$/, () => ({ kind: "shutdown", step: "atTarget" })],
  [
    /^received (?:smart|fast|immediate) shutdown request$/,
    () => ({ kind: "shutdown", step: "begun" }),
  ],
  [
    /^(?:shutting down due to|aborting startup due to) startup process failure$/,
    () => ({ kind: "shutdown", step: "afterFailure" }),
  ],
  [/^database system is shut down$/, () => ({ kind: "shutdown", step: "complete" })],
  // A record header of zeros is how unwritten WAL looks, and a stale page address how a recycled segment looks: where
  // the archive ends in the middle of a segment, this is the normal end.
  [
    /^(invalid record length at .*got 0|unexpected pageaddr .*|invalid magic number 0000 .*)$/,
    ([reason = ""]) => ({ kind: "walEnded", reason, expected: true }),
  ],
  [
    /^((?:incorrect resource manager data checksum|record with incorrect prev-link|invalid record length|record length \d+ at|invalid resource manager ID|invalid magic number|invalid info bits|invalid contrecord length|unexpected timeline ID|out-of-sequence timeline ID|WAL file is from different database system|contrecord is requested|there is no contrecord flag|invalid record offset|invalid block_id|could not read from (?:log|WAL) segment|could not decompress image|BKPBLOCK|BKPIMAGE|out-of-order block_id|record with invalid length).*)$/,
    ([reason = ""]) => ({ kind: "walEnded", reason, expected: false }),
  ],
];

const DETAIL_MESSAGES: MessageTable = [
  [
    /^(\w+) = (\d+) is a lower setting than on the primary server, where its value was (\d+)\.$/,
    ([name = "", value, required]) => ({
      kind: "settingTooLow",
      name,
      value: Number(value),
      required: Number(required),
    }),
  ],
];

function atLsn(
  kind: "redoStarted" | "consistent" | "redoProgress" | "redoDone",
  text: string,
): RecoveryEvent {
  return { kind, lsn: parseLsn(text) };
}

function stopping(
  reason: RecoveryStop["reason"],
  before: boolean,
  facts: Partial<RecoveryStop>,
): RecoveryEvent {
  return {
    kind: "stopping",
    reason,
    before,
    xid: undefined,
    time: undefined,
    name: undefined,
    lsn: undefined,
    ...facts,
  };
}

/**
 * Reads a time as PostgreSQL prints it inside these messages: ISO with a numeric offset, whatever its TimeZone is.
 *
 * @returns undefined for what is no instant, such as `-infinity`.
 */
function readLogTime(text: string): Temporal.Instant | undefined {
  const [, date, time, offset] =
    /^(\d{4}-\d{2}-\d{2}) (\d{2}:\d{2}:\d{2}(?:\.\d{1,6})?)([+-]\d{2}(?::\d{2}(?::\d{2})?)?)$/.exec(
      text,
    ) ?? [];
  return offset === undefined ? undefined : Temporal.Instant.from(`${date}T${time}${offset}`);
}
