// Tables, databases and tablespaces, and what a transaction did to them, in words.
import { formatRelationName, quotePart } from "../../model/relation-name.ts";
import { formatInZone } from "../../model/timestamp.ts";
import type { DroppedPlace, FoundRelation } from "../../recovery/found-transaction.ts";
import type { RowEstimate } from "../../recovery/row-estimates.ts";
import { formatNumber } from "./units.ts";

/**
 * `12,003 deleted, 4 inserted`, or `TRUNCATED (PostgreSQL estimated 5,000 rows at 2025-11-19 11:49:45+00:00)`.
 *
 * @param timeZone the cluster's.
 */
export function effectsText(relation: FoundRelation, timeZone: string): string {
  const { rowsBefore, replacedBy } = relation;
  const estimate = estimateText(rowsBefore, timeZone);
  const counted = (count: number, what: string): string =>
    count > 0 ? `${formatNumber(count)} ${what}` : "";
  const parts = [
    relation.dropped ? `DROPPED${estimate}` : "",
    relation.truncated ? `TRUNCATED${estimate}` : "",
    replacedBy === undefined ? "" : `ALL ROWS${estimate} REPLACED by ${formatNumber(replacedBy)}`,
    counted(relation.deleted, "deleted"),
    counted(relation.updated, "updated"),
    counted(relation.inserted, "inserted"),
    counted(relation.movedOut, "moved out"),
    counted(relation.movedIn, "moved in"),
    relation.rewritten ? "rewritten, same rows" : "",
  ];
  return parts.filter((part) => part !== "").join(", ");
}

function estimateText(estimate: RowEstimate | undefined, timeZone: string): string {
  if (!estimate) return " (nobody knows how many rows)";
  const { at } = estimate;
  const rows = `${formatNumber(estimate.rows)} ${estimate.rows === 1 ? "row" : "rows"}`;
  if (at === undefined) return ` (${rows}, counted in WAL)`;
  return ` (PostgreSQL estimated ${rows} at ${formatInZone(at, timeZone, 0)})`;
}

/** The whole name, as --table takes it; a file of which nobody knows the table by its numbers. */
export function relationName({ identity, database, schema, name }: FoundRelation): string {
  if (!identity) return `file ${name}`;
  const isNamed = database !== String(identity.database);
  return formatRelationName({ database: isNamed ? database : identity.database, schema, name });
}

/** `database shop`, else its number. */
export function placeName({ what, name, oid }: DroppedPlace): string {
  const kind = what === "DROP DATABASE" ? "database" : "tablespace";
  return `${kind} ${name === undefined ? `with OID ${oid}` : quotePart(name)}`;
}

/** What became of a database or tablespace. */
export function placeEffectText({ what, estimate }: DroppedPlace, timeZone: string): string {
  return what === "DROP DATABASE" ? `DROPPED${estimateText(estimate, timeZone)}` : "DROPPED";
}
