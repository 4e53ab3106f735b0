// A table, and what a transaction did to it, in words.
import { formatRelationName } from "../../model/relation-name.ts";
import type { FoundRelation } from "../../recovery/found-transaction.ts";
import { formatNumber } from "./units.ts";

/** `12,003 deleted, 4 inserted`, or `TRUNCATED (about 5,000 rows)`. */
export function effectsText(relation: FoundRelation): string {
  const { rowsEstimate, replacedBy } = relation;
  const estimate = rowsEstimate === undefined ? "" : ` (about ${formatNumber(rowsEstimate)} rows)`;
  const counted = (count: number, what: string): string =>
    count > 0 ? `${formatNumber(count)} ${what}` : "";
  const parts = [
    relation.dropped ? `DROPPED${estimate}` : "",
    relation.truncated ? `TRUNCATED${estimate}` : "",
    replacedBy === undefined ? "" : `ALL ROWS REPLACED by ${formatNumber(replacedBy)}${estimate}`,
    counted(relation.deleted, "deleted"),
    counted(relation.updated, "updated"),
    counted(relation.inserted, "inserted"),
    counted(relation.movedOut, "moved out"),
    counted(relation.movedIn, "moved in"),
    relation.rewritten ? "rewritten, same rows" : "",
  ];
  return parts.filter((part) => part !== "").join(", ");
}

/** The whole name, as --table takes it; a file of which nobody knows the table by its numbers. */
export function relationName({ identity, database, schema, name }: FoundRelation): string {
  if (!identity) return `file ${name}`;
  const isNamed = database !== String(identity.database);
  return formatRelationName({ database: isNamed ? database : identity.database, schema, name });
}
