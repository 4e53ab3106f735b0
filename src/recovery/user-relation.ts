// Which relations a user means when asking what happened: tables with rows of their own. Catalogues change with every
// CREATE TABLE, TOAST tables and indexes with their table.
import type { RelationLocator } from "../model/relation.ts";
import type { RelationIdentity } from "./relation-book.ts";

/** OIDs below are PostgreSQL's own. @source PostgreSQL src/include/access/transam.h, FirstNormalObjectId */
export const FIRST_USER_OID = 16_384;
/** pg_largeobject: large objects are users' data. */
const LARGE_OBJECTS = 2613;
const KINDS: ReadonlySet<string> = new Set(["r", "p", "m"]);

/** @param identity undefined for a file of which nobody knows the relation: a user's, unless its number is too low. */
export function isUserRelation(
  identity: RelationIdentity | undefined,
  file: RelationLocator,
): boolean {
  if (identity === undefined)
    return file.relfilenode >= FIRST_USER_OID || file.relfilenode === LARGE_OBJECTS;
  if (identity.oid === LARGE_OBJECTS) return true;
  return KINDS.has(identity.kind) && identity.oid >= FIRST_USER_OID;
}
