// What `hindsight target` prints.
import type { HindsightError } from "../../base/errors.ts";
import { formatLsn } from "../../model/lsn.ts";
import { RECOVERY_CAVEAT, type RecoveryTarget } from "../../model/recovery-target.ts";
import { describeHistory } from "../../model/timeline.ts";
import { describeInstant, formatInstant } from "../../model/timestamp.ts";
import type { FoundRelation } from "../../recovery/found-transaction.ts";
import type { ResolvedTarget } from "../../recovery/target.ts";
import type { LostTransaction, LostTransactions } from "../../recovery/target-lost.ts";
import { describeTarget } from "../../restore/choose-backup.ts";
import { describeForecast, describeWal } from "../../restore/describe-plan.ts";
import type { RouteForecast } from "../../restore/plan-forecast.ts";
import type { Route } from "../../restore/plan-route.ts";
import { restoreCommandLine } from "./command-line.ts";
import { relationJson } from "./find-json.ts";
import type { JsonValue } from "./json.ts";
import { effectsText, placeEffectText, placeName, relationName } from "./relation-effects.ts";
import { formatTable } from "./table.ts";
import { commitJson, nearestJson, targetValue } from "./target-json.ts";

/** Everything that is known about a target that can be reached. */
export interface CompiledTarget {
  readonly expression: string;
  readonly asked: RecoveryTarget;
  readonly route: Route;
  readonly resolved: ResolvedTarget;
  readonly forecast: RouteForecast;
  /** With --list-lost. */
  readonly lost: LostTransactions | undefined;
  /** Options of every command that follows. */
  readonly commandOptions: readonly string[];
}

/**
 * The one exact target: what stops before a record is that record's position, whatever was asked for; a transaction that
 * is kept and a restore point go by their names.
 */
function exactTarget({ asked, resolved }: CompiledTarget): RecoveryTarget {
  const { isApplied, stopLsn, compiled } = resolved;
  if (asked.kind === "immediate") return asked;
  if (isApplied && (asked.kind === "xid" || asked.kind === "name")) return compiled;
  return { kind: "lsn", lsn: stopLsn, exclusive: !isApplied };
}

/** The keys that cli.md fixes, and more. */
export function targetJson(result: CompiledTarget): JsonValue {
  const { expression, route, resolved, forecast, lost } = result;
  const { backup, history, wal } = route;
  return {
    expression,
    target: targetValue(exactTarget(result), history.timeline),
    stopLsn: formatLsn(resolved.stopLsn),
    commitBefore: commitJson(resolved.commitBefore),
    commitAfter: commitJson(resolved.commitAfter),
    backup: backup.label,
    walSegments: wal?.segmentCount ?? 0,
    walBytes: forecast.walBytes,
    walStoredBytes: forecast.walStoredBytes,
    forecastSeconds: Math.ceil(forecast.copySeconds + forecast.replaySeconds),
    reachable: true,
    reason: null,
    prepared: resolved.prepared,
    pauseWouldPromote: resolved.pauseWouldPromote,
    notes: resolved.notes,
    restore: restoreCommand(result),
    ...(lost ? { lost: lostJson(lost) } : {}),
  };
}

/** The same keys for a target that cannot be reached. */
export function unreachableJson(expression: string, error: HindsightError): JsonValue {
  return {
    expression,
    target: null,
    commitBefore: null,
    commitAfter: null,
    backup: null,
    walBytes: null,
    forecastSeconds: null,
    reachable: false,
    reason: error.message,
    hint: error.hint ?? null,
    code: error.code,
    nearest: nearestJson(error),
  };
}

/** Lines for a person. */
export function targetText(result: CompiledTarget): string {
  const { asked, route, resolved, forecast, lost } = result;
  const { backup, why, history } = route;
  const zone = backup.settings["TimeZone"] ?? "UTC";
  const side = resolved.isApplied ? "after" : "before";
  const place =
    asked.kind === "immediate" ? "recovery stops at" : `recovery stops ${side} the record at`;
  return [
    `target: ${describeTarget(asked, zone)}`,
    `${place} ${formatLsn(resolved.stopLsn)}, ${describeHistory(history)}`,
    ...resolved.notes,
    ...(resolved.pauseWouldPromote ? [PAUSE_LINE] : []),
    RECOVERY_CAVEAT,
    `backup ${backup.label} of ${describeInstant(backup.stopTime, zone)}: ${why}`,
    ...describeWal({ ...route, forecast }),
    describeForecast(forecast),
    ...(lost ? lostLines(lost, zone) : []),
    `restore beside production: ${restoreCommand(result)}`,
  ].join("\n");
}

const PAUSE_LINE =
  "Nobody could connect there, so PostgreSQL would promote instead of pausing: restore shuts it down at the target.";

function lostJson({ transactions, count, unreadable }: LostTransactions): JsonValue {
  return {
    count,
    transactions: transactions.map(({ effects, xid, lsn, at }) => ({
      xid: String(xid),
      lsn: formatLsn(lsn),
      time: formatInstant(at),
      relations: effects?.relations.map(relationJson) ?? null,
      incomplete: effects?.isIncomplete ?? true,
    })),
    rest: count - transactions.length,
    unreadable: unreadable ?? null,
  };
}

function lostLines(
  { transactions, count, unreadable }: LostTransactions,
  timeZone: string,
): readonly string[] {
  const rest = count - transactions.length;
  return [
    count === 0
      ? "nothing that is archived is given up"
      : `given up: ${count} transaction${count === 1 ? "" : "s"}`,
    ...(transactions.length === 0
      ? []
      : [formatTable(transactions.map((each) => lostRow(each, timeZone)))]),
    ...(rest > 0 ? [`and ${rest} more; --limit=${count} shows all`] : []),
    ...(unreadable === undefined ? [] : [`what lies behind cannot be read: ${unreadable}`]),
  ];
}

function lostRow({ xid, lsn, at, effects }: LostTransaction, timeZone: string): readonly string[] {
  return [
    `  ${xid}`,
    describeInstant(at, timeZone),
    formatLsn(lsn),
    describeEffects(effects, timeZone),
  ];
}

function describeEffects(effects: LostTransaction["effects"], timeZone: string): string {
  if (!effects) return "what it did cannot be read";
  const { relations, droppedPlace, isIncomplete } = effects;
  const parts = [
    ...(droppedPlace
      ? [`${placeName(droppedPlace)}: ${placeEffectText(droppedPlace, timeZone)}`]
      : []),
    ...relations.map((relation) => describeRelation(relation, timeZone)),
  ];
  if (isIncomplete) return `at least: ${parts.join("; ") || "nothing"}`;
  return parts.join("; ") || "no rows of tables";
}

/** `shop.public.orders: 3 inserted, 104 deleted` */
function describeRelation(relation: FoundRelation, timeZone: string): string {
  return `${relationName(relation)}: ${effectsText(relation, timeZone)}`;
}

/** The command that restores to exactly this. */
function restoreCommand(result: CompiledTarget): string {
  const { asked, route, commandOptions } = result;
  const { type, target, exclusive, timeline } = targetValue(
    exactTarget(result),
    route.history.timeline,
  );
  const isValued = target !== "";
  // Whoever wants the latest wants what arrives until then, too.
  const options =
    asked.kind === "default"
      ? ["--type=default", "--target-action=pause"]
      : [`--type=${type}`, ...(isValued ? [`--target=${target}`] : [])];
  return restoreCommandLine({
    following: commandOptions,
    target: exclusive ? [...options, "--target-exclusive"] : options,
    timeline,
    backup: route.backup.label,
  });
}
