// What a restore prints when it is done: what lies where, how recovery ended, and how to go on.
import { join } from "node:path";
import { formatSize } from "../../base/size.ts";
import { PARTIAL_CLUSTER_FILE } from "../../model/partial-cluster.ts";
import { ALLOW_PROMOTION_FILE, RECOVERY_CAVEAT } from "../../model/recovery-target.ts";
import { formatLsn } from "../../model/lsn.ts";
import { describeInstant, formatInstant } from "../../model/timestamp.ts";
import { recoveryJson } from "../../recovery/attempt-result.ts";
import type { AttemptResult } from "../../recovery/attempt-request.ts";
import type { RestoreResult } from "../../restore/perform.ts";
import type { RestorePlan } from "../../restore/plan.ts";
import type { JsonValue } from "./json.ts";
import { commitJson, targetValue } from "./target-json.ts";
import { formatDuration, roundSeconds } from "./units.ts";

/** Everything that is known when a restore is done. */
export interface RestoreEnding {
  readonly plan: RestorePlan;
  readonly result: RestoreResult;
  /** With --start. */
  readonly attempt: AttemptResult | undefined;
  /** The pg_ctl that fits the server of the attempt. */
  readonly pgCtl: string | undefined;
  /** From the command's beginning. */
  readonly totalSeconds: number;
}

/** The keys that cli.md fixes. `target` is what was asked for, `compiled` what PostgreSQL was told. */
export function restoreJson({ result, attempt, totalSeconds, plan }: RestoreEnding): JsonValue {
  const { compiled, timeline, answer } = plan;
  return {
    ...result,
    target: { ...result.target },
    compiled: targetValue(compiled, timeline),
    commitBefore: commitJson(answer?.commitBefore),
    commitAfter: commitJson(answer?.commitAfter),
    seconds: roundSeconds(result.seconds),
    notes: plan.notes,
    warnings: plan.warnings,
    partial: partialJson(plan),
    recovery: attempt === undefined ? null : recovery(attempt, plan, totalSeconds),
  };
}

/** What was left out, with all names; null for a whole cluster. */
function partialJson({ selection, destination }: RestorePlan): JsonValue {
  if (!selection) return null;
  const { tables, databases, exceptDatabases } = selection.request;
  return {
    tables,
    databases,
    exceptDatabases,
    holes: selection.holes.map(({ label }) => label).toSorted(),
    marker: join(destination.path, PARTIAL_CLUSTER_FILE),
  };
}

/** Names of relations that a person is told. */
const HOLES_SHOWN_MAX = 10;

function partialLines({ selection, destination }: RestorePlan): readonly string[] {
  if (!selection) return [];
  const names = selection.holes.map(({ label }) => label).toSorted();
  const more = names.length > HOLES_SHOWN_MAX ? ", …" : "";
  const shown = names.slice(0, HOLES_SHOWN_MAX).join(", ");
  return [
    `only a part of the cluster: ${names.length} relations are left out, and read as empty or fail${names.length === 0 ? "" : `: ${shown}${more}`}`,
    `all of them are named in ${join(destination.path, PARTIAL_CLUSTER_FILE)}; take from here what is wanted, and remove the directory`,
  ];
}

function recovery(attempt: AttemptResult, plan: RestorePlan, totalSeconds: number): JsonValue {
  const { stoppedBefore, lastReplayed, raised, ...rest } = recoveryJson(attempt, totalSeconds);
  return {
    ...rest,
    stoppedBefore: stoppedBefore && { ...stoppedBefore, ...commitAt(stoppedBefore.lsn, plan) },
    lastReplayed: { ...lastReplayed },
    raised: { ...raised },
  };
}

/** PostgreSQL says only at which position it stopped; whose commit begins there is known. */
function commitAt(lsn: string | null, { answer }: RestorePlan): Record<string, string> {
  const commit = answer?.commitAfter;
  if (!commit || formatLsn(commit.lsn) !== lsn) return {};
  return { xid: String(commit.xid), time: formatInstant(commit.at) };
}

/** Lines for a person. */
export function restoreText(ending: RestoreEnding): string {
  const { plan, result, attempt } = ending;
  const restored = restoredLine(plan, result);
  const part = partialLines(plan);
  if (!attempt) return [restored, ...part, ...nextSteps(plan), ...plan.notes].join("\n");
  return [
    restored,
    ...part,
    ...recoveryLines(ending, attempt),
    ...plan.notes,
    RECOVERY_CAVEAT,
    ...serverLines(ending, attempt),
  ].join("\n");
}

function restoredLine({ isDelta }: RestorePlan, result: RestoreResult): string {
  const { backup, dataDirectory, filesRestored, filesKept, bytes, seconds } = result;
  const kept = isDelta ? `, ${filesKept} of them kept as they were` : "";
  return `backup ${backup} is restored to ${dataDirectory}: ${filesRestored + filesKept} files, ${formatSize(bytes)} in ${formatDuration(seconds)}${kept}`;
}

function nextSteps({ type, targetAction, backup }: RestorePlan): readonly string[] {
  if (type === "none") {
    return [
      `It does not start yet: put the WAL from ${backup.firstSegment} to ${backup.lastSegment} into pg_wal, then start PostgreSQL.`,
    ];
  }
  if (type === "preserve") {
    return ["Start PostgreSQL: it recovers as the settings and signal file that were kept say."];
  }
  if (type === "standby") return ["Start PostgreSQL: it follows as a standby."];
  if (targetAction === "pause") {
    return [
      "Start PostgreSQL: it recovers to the target and pauses there, so that you can look.",
      "If it is the right point, `select pg_wal_replay_resume();` promotes it.",
    ];
  }
  return ["Start PostgreSQL: it recovers to the target by itself."];
}

function recoveryLines(
  { plan, totalSeconds }: RestoreEnding,
  attempt: AttemptResult,
): readonly string[] {
  const zone = plan.backup.settings["TimeZone"] ?? "UTC";
  const goal = plan.type === "default" ? "the end of the archive" : "the target";
  const { lsn, time, xid, replayedLsn } = attempt.lastReplayed;
  const last = [
    xid === undefined ? undefined : `transaction ${xid}`,
    lsn === undefined ? undefined : `LSN ${formatLsn(lsn)}`,
    time === undefined ? undefined : describeInstant(time, zone),
    replayedLsn === undefined ? undefined : `all WAL before ${formatLsn(replayedLsn)}`,
  ].filter((part) => part !== undefined);
  return [
    `recovery: ${goal} is reached, ${STATE_TEXTS[attempt.state]}, on timeline ${attempt.timeline}`,
    ...(last.length === 0 ? [] : [`last replayed: ${last.join(", ")}`]),
    `replay took ${formatDuration(attempt.replaySeconds)}, everything ${formatDuration(totalSeconds)}`,
  ];
}

const STATE_TEXTS: Readonly<Record<AttemptResult["state"], string>> = {
  paused: "and the server is paused there",
  promoted: "and the server is promoted",
  shutdown: "and the server shut down there",
};

function serverLines(
  { result, pgCtl = "pg_ctl" }: RestoreEnding,
  attempt: AttemptResult,
): readonly string[] {
  const log = `server log: ${attempt.logFile}`;
  if (attempt.state === "shutdown") return [log];
  return [
    `connect: psql -h ${attempt.socketDirectory} -p ${attempt.port}`,
    ...(attempt.state === "paused" ? [promotionLine(result.dataDirectory)] : []),
    `stop: ${pgCtl} -D ${result.dataDirectory} -m fast stop`,
    ...(attempt.state === "promoted" ? [SERVICE_LINE] : []),
    log,
  ];
}

/** Who promotes means to use it, and would look for it at production's address. */
const SERVICE_LINE =
  "in service: not yet; it listens on this socket only, with small memory. Stop it and start PostgreSQL as usual";

/** Nothing promotes it by accident: see docs/decisions/0002-promotion-interlock.md. */
function promotionLine(dataDirectory: string): string {
  return `promote: touch ${dataDirectory}/${ALLOW_PROMOTION_FILE}, then in psql: select pg_wal_replay_resume();`;
}
