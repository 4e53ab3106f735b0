// The JSON of `hindsight find`; docs/cli.md fixes the keys of a transaction.
import { formatLsn } from "../../model/lsn.ts";
import { formatInstant } from "../../model/timestamp.ts";
import { formatSegmentName } from "../../model/wal-segment.ts";
import { segmentNames } from "../../recovery/target-path.ts";
import type { ArchiveEnd, FindQuery, FindResult, PointFact } from "../../recovery/find.ts";
import type {
  DroppedPlace,
  FoundRelation,
  FoundTransaction,
} from "../../recovery/found-transaction.ts";
import type { RowEstimate } from "../../recovery/row-estimates.ts";
import type { HistoryView } from "../history-view.ts";
import { type FindAdvice, restoreAnswer } from "./find-command.ts";
import type { JsonValue } from "./json.ts";
import { pointsAround } from "./points-around.ts";
import { commitJson } from "./target-json.ts";

/** What was found, and where. */
export interface FoundView {
  readonly view: HistoryView;
  readonly query: FindQuery;
  readonly result: FindResult;
  /** Options that a command which is advised needs. */
  readonly options: readonly string[];
}

/** Numbers that can pass 2^53 are texts. */
export function findJson(found: FoundView): Record<string, JsonValue> {
  const { view, query, result } = found;
  const { archive, history, branches } = view;
  const nameOf = (number: bigint): string => segmentNameOn(view, number);
  return {
    stanza: archive.stanza,
    timeline: history.timeline,
    transactions: result.transactions.map((each) => transactionJson(each, found)),
    matched: result.matchedCount,
    rolledBack: commitJson(result.rolledBack),
    searched: {
      from: query.from ? formatInstant(query.from) : null,
      to: query.to ? formatInstant(query.to) : null,
      segments: result.profile.length,
      withoutIndex: result.unindexedCount,
      archivedTo: endJson(result.end),
      missing: result.missing.map(({ first, last }) => ({
        first: nameOf(first),
        last: nameOf(last),
      })),
      unreadable: result.unreadable.map(({ name, error }) => ({
        segment: name,
        reason: error.message,
      })),
      otherBranches: branches.map(({ timeline, behind }) => ({
        timeline,
        behind: behind === undefined ? null : formatLsn(behind),
      })),
    },
  };
}

function transactionJson(
  found: FoundTransaction,
  { view, result, options }: Pick<FoundView, "view" | "result" | "options">,
): Record<string, JsonValue> {
  const { stopBefore, timeline } = found;
  const around = pointsAround(result.points, found.lsn);
  const answer = restoreAnswer(found, findAdvice({ view, result, options }));
  return {
    xid: String(found.xid),
    commitLsn: formatLsn(found.lsn),
    commitTime: formatInstant(found.at),
    timeline,
    relations: found.relations.map(relationJson),
    droppedPlace: droppedPlaceJson(found.droppedPlace),
    stopBefore: {
      type: "lsn",
      target: formatLsn(stopBefore.lsn),
      exclusive: true,
      timeline: view.history.timeline,
      reason: stopBefore.irreversible?.what ?? null,
    },
    commitBefore: commitJson(found.commitBefore),
    commitBeforeReason: found.commitBefore ? null : noCommitBefore(found),
    commitAfter: commitJson(found.commitAfter),
    commitAfterReason: found.commitAfter ? null : noCommitAfter(found),
    restorePointBefore: pointJson(around.before),
    restorePointAfter: pointJson(around.after),
    aborted: found.isAborted,
    incomplete: found.isIncomplete,
    globalIdentifier: found.globalIdentifier ?? null,
    restore: answer.command ?? null,
    unreachable: answer.obstacle ?? null,
  };
}

/** The name that a segment has on the path: of the youngest timeline that has a part of it. */
export function segmentNameOn({ archive, history }: HistoryView, number: bigint): string {
  const [name] = segmentNames({ archive, history }, number);
  const { segmentSizeBytes } = archive.record;
  return name ?? formatSegmentName({ timeline: history.timeline, number }, segmentSizeBytes);
}

/** What the restore command of a result depends on. */
export function findAdvice({
  view,
  result,
  options,
}: Pick<FoundView, "view" | "result" | "options">): FindAdvice {
  const { segmentSizeBytes } = view.archive.record;
  return {
    backups: view.backups,
    gaps: result.gaps,
    segmentSizeBytes,
    timeline: view.history.timeline,
    nameOf: (number) => segmentNameOn(view, number),
    options,
  };
}

/** Why the commit before is not known. */
export function noCommitBefore({ isBehindGap }: FoundTransaction): string {
  return isBehindGap ? "not known, WAL before it is missing" : "none in the archive";
}

/** Why the commit after is not known. */
export function noCommitAfter({ isBeforeGap }: FoundTransaction): string {
  return isBeforeGap ? "not known, WAL behind it is missing" : "none is archived yet";
}

/** Null when the search ended before the end of the archive. */
function endJson(end: ArchiveEnd | undefined): JsonValue {
  if (!end) return null;
  return {
    lsn: end.lsn === undefined ? null : formatLsn(end.lsn),
    lastCommit: commitJson(end.lastCommit),
  };
}

/** What a transaction did to one relation. */
export function relationJson(relation: FoundRelation): Record<string, JsonValue> {
  const { identity, replacedBy, rowsBefore, movedIn, movedOut, rewritten } = relation;
  return {
    database: relation.database,
    schema: relation.schema ?? null,
    name: relation.name,
    oid: identity?.oid ?? null,
    inserted: relation.inserted,
    updated: relation.updated,
    deleted: relation.deleted,
    truncated: relation.truncated,
    dropped: relation.dropped,
    movedIn,
    movedOut,
    rewritten,
    replacedBy: replacedBy ?? null,
    ...estimateJson(rowsBefore),
  };
}

/** A number without time was counted in WAL. */
function estimateJson(estimate: RowEstimate | undefined): Record<string, JsonValue> {
  return {
    rowsEstimate: estimate?.rows ?? null,
    rowsEstimatedAt: estimate?.at ? formatInstant(estimate.at) : null,
  };
}

/** A database or tablespace that was dropped. */
export function droppedPlaceJson(place: DroppedPlace | undefined): JsonValue {
  if (!place) return null;
  const { what, oid, name, estimate } = place;
  const kind = what === "DROP DATABASE" ? "database" : "tablespace";
  return { kind, name: name ?? null, oid, ...estimateJson(estimate) };
}

function pointJson(point: PointFact | undefined): JsonValue {
  return point
    ? { name: point.name, lsn: formatLsn(point.lsn), time: formatInstant(point.at) }
    : null;
}
