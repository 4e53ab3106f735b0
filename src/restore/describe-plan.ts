// The plan in words, for --dry-run and for the log.
import { formatSize } from "../base/size.ts";
import { showPath } from "../model/byte-path.ts";
import { formatLsn } from "../model/lsn.ts";
import { describeHistory } from "../model/timeline.ts";
import { describeInstant } from "../model/timestamp.ts";
import { formatSetting } from "./auto-conf.ts";
import { describeTarget } from "./choose-backup.ts";
import type { RestorePlan } from "./plan.ts";
import type { RouteForecast } from "./plan-forecast.ts";
import type { Route } from "./plan-route.ts";

/** One fact a line, in the order in which a DBA would ask. */
export function describePlan(plan: RestorePlan): readonly string[] {
  return [
    ...describeBackup(plan),
    ...describeRecovery(plan),
    ...describePlaces(plan),
    ...describeSettings(plan),
    ...plan.notes,
    ...plan.warnings.map((warning) => `warning: ${warning}`),
  ];
}

function zoneOf({ backup }: RestorePlan): string {
  return backup.settings["TimeZone"] ?? "UTC";
}

function describeBackup(plan: RestorePlan): readonly string[] {
  const { backup, why, survey } = plan;
  const { fileCount, sizeBytes } = survey.total;
  return [
    `backup ${backup.label} of ${describeInstant(backup.stopTime, zoneOf(plan))}: ${why}`,
    `${fileCount} files, ${formatSize(sizeBytes)}, PostgreSQL ${backup.majorVersion}`,
    ...describePart(plan),
  ];
}

function describePart({ selection, backup }: RestorePlan): readonly string[] {
  if (!selection) return [];
  const { tables, databases, exceptDatabases } = selection.request;
  const wanted = [...tables, ...databases].join(", ");
  const what = wanted === "" ? `all databases but ${exceptDatabases.join(", ")}` : wanted;
  return [
    `a part of ${formatSize(backup.sizeBytes)}: ${what}; ${selection.holes.length} relations are left out`,
  ];
}

function describeRecovery(plan: RestorePlan): readonly string[] {
  const { type, target, history, stopLsn, targetAction } = plan;
  if (type === "none") return ["recovery: none"];
  if (type === "preserve") return ["recovery: as the destination's own settings say"];
  const goal =
    type === "standby"
      ? "recovery: as a standby, without end"
      : `recovery to ${describeTarget(target, zoneOf(plan))}, then ${targetAction}`;
  const position = stopLsn === undefined ? [] : [`recovery stops at ${formatLsn(stopLsn)}`];
  const path = `path: ${describeHistory(history)}`;
  return [goal, ...position, path, ...describeWal(plan), describeForecast(plan.forecast)];
}

/** The WAL of a route, in at most one line. */
export function describeWal({ wal, forecast }: Pick<Route, "wal"> & Forecasted): readonly string[] {
  if (!wal) return [];
  const size = `${formatSize(forecast.walBytes)} (${formatSize(forecast.walStoredBytes)} in the repository)`;
  const end = wal.isEndOfArchive ? "; the archive ends there" : "";
  return [
    `WAL from ${wal.first} to ${wal.last}, ${wal.segmentCount} segments, ${size}, all stored${end}`,
  ];
}

interface Forecasted {
  readonly forecast: RouteForecast;
}

/** `forecast, rough: 12s to copy the files, 3s to recover` */
export function describeForecast({ copySeconds, replaySeconds }: RouteForecast): string {
  return `forecast, rough: ${describeSeconds(copySeconds)} to copy the files, ${describeSeconds(replaySeconds)} to recover`;
}

/** Without digits that a guess does not have. */
function describeSeconds(seconds: number): string {
  if (seconds < 90) return `${Math.max(1, Math.round(seconds))}s`;
  if (seconds < 90 * 60) return `${Math.round(seconds / 60)} minutes`;
  return `${Math.round(seconds / 3600)} hours`;
}

function describePlaces({
  destination,
  isDelta,
  tablespaces,
  walLink,
  survey,
}: RestorePlan): readonly string[] {
  const kept = ", which is REPLACED by the backup; what equals it is kept";
  const fate = {
    absent: "is created",
    empty: "is empty",
    cluster: `holds a stopped cluster${isDelta ? kept : ", WHICH IS REMOVED"}`,
    aborted: `holds an unfinished restore${isDelta ? kept : ", which is removed"}`,
  }[destination.state];
  const files = isDelta ? ", WHERE ITS FILES ARE REPLACED" : ", WHERE ITS FILES ARE REMOVED";
  return [
    `data directory ${destination.path} ${fate}`,
    ...tablespaces.map(
      ({ name, path, original, removed }) =>
        `tablespace "${name}" goes to ${path}${path === original ? "" : ` (was ${original})`}${removed.length > 0 ? files : ""}`,
    ),
    ...(walLink
      ? [`pg_wal goes to ${walLink.path}${walLink.isFilled ? ", WHERE ITS WAL IS REMOVED" : ""}`]
      : [...survey.links.keys()].map((link) => `link ${showPath(link)} becomes a directory`)),
  ];
}

function describeSettings({ recovery, archiveMode }: RestorePlan): readonly string[] {
  const lines = recovery.settings.map((setting) => `  ${formatSetting(setting)}`);
  const heading = lines.length === 0 ? [] : ["settings added to postgresql.auto.conf:"];
  const signal = recovery.signal === undefined ? [] : [`file ${recovery.signal} is written`];
  return [
    ...signal,
    ...heading,
    ...lines,
    `archive_mode: ${archiveMode === "off" ? "off" : "as it was"}`,
  ];
}
