// The JSON of `hindsight find`; docs/cli.md fixes the keys of a transaction.
import { formatLsn } from "../../model/lsn.ts";
import { formatInstant } from "../../model/timestamp.ts";
import { formatSegmentName } from "../../model/wal-segment.ts";
import type { FindResult, PointFact } from "../../recovery/find.ts";
import type { FoundRelation, FoundTransaction } from "../../recovery/found-transaction.ts";
import type { CommitFact } from "../../restore/choose-backup.ts";
import type { HistoryView } from "../history-view.ts";
import { restoreCommand } from "./find-command.ts";
import type { JsonValue } from "./json.ts";
import { pointsAround } from "./points-around.ts";

/** What was found, and where. */
export interface FoundView {
  readonly view: HistoryView;
  readonly result: FindResult;
  /** Options that a command which is advised needs. */
  readonly options: readonly string[];
}

/** Numbers that can pass 2^53 are texts. */
export function findJson(found: FoundView): Record<string, JsonValue> {
  const { view, result } = found;
  const { archive, history } = view;
  const { segmentSizeBytes } = archive.record;
  const nameOf = (number: bigint): string =>
    formatSegmentName({ timeline: history.timeline, number }, segmentSizeBytes);
  return {
    stanza: archive.stanza,
    timeline: history.timeline,
    transactions: result.transactions.map((each) => transactionJson(each, found)),
    matched: result.matchedCount,
    searched: {
      segments: result.profile.length,
      withoutIndex: result.unindexedCount,
      missing: result.missing.map(({ first, last }) => ({
        first: nameOf(first),
        last: nameOf(last),
      })),
      unreadable: result.unreadable.map(({ name, error }) => ({
        segment: name,
        reason: error.message,
      })),
    },
  };
}

function transactionJson(
  found: FoundTransaction,
  { view, result, options }: FoundView,
): Record<string, JsonValue> {
  const { stopBefore, timeline } = found;
  const around = pointsAround(result.points, found.lsn);
  return {
    xid: String(found.xid),
    commitLsn: formatLsn(found.lsn),
    commitTime: formatInstant(found.at),
    timeline,
    relations: found.relations.map(relationJson),
    stopBefore: {
      type: "lsn",
      target: formatLsn(stopBefore.lsn),
      exclusive: true,
      timeline,
      reason: stopBefore.irreversible?.what ?? null,
    },
    commitBefore: commitJson(found.commitBefore),
    commitAfter: commitJson(found.commitAfter),
    restorePointBefore: pointJson(around.before),
    restorePointAfter: pointJson(around.after),
    aborted: found.isAborted,
    incomplete: found.isIncomplete,
    globalIdentifier: found.globalIdentifier ?? null,
    restore: restoreCommand(found, { backups: view.backups, options }) ?? null,
  };
}

/** What a transaction did to one relation. */
export function relationJson(relation: FoundRelation): Record<string, JsonValue> {
  const { identity, replacedBy, rowsEstimate, movedIn, movedOut, rewritten } = relation;
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
    rowsEstimate: rowsEstimate ?? null,
  };
}

/** As `target` prints a commit. */
function commitJson(commit: CommitFact | undefined): JsonValue {
  return commit
    ? { xid: String(commit.xid), lsn: formatLsn(commit.lsn), time: formatInstant(commit.at) }
    : null;
}

function pointJson(point: PointFact | undefined): JsonValue {
  return point
    ? { name: point.name, lsn: formatLsn(point.lsn), time: formatInstant(point.at) }
    : null;
}
