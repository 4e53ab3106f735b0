// Which relations a user means by `[[database.]schema.]name`: the table itself, and for a partitioned table or an
// inheritance parent everything below it.
import { failure } from "../model/failure.ts";
import type { Lsn } from "../model/lsn.ts";
import type { RelationName } from "../model/relation-name.ts";
import type { RelationBook, RelationIdentity } from "./relation-book.ts";

/** The relations of one name, and those below them. */
export class RelationFilter {
  readonly #name: RelationName;
  readonly #book: RelationBook;
  /** What matched by itself, as `database.schema`. */
  readonly #matched: Set<string> = new Set();

  constructor(name: RelationName, book: RelationBook) {
    this.#name = name;
    this.#book = book;
    for (const identity of book.identities()) this.#isNamed(identity);
  }

  /** Whether a relation is meant, or inherits from one that is. */
  matches(identity: RelationIdentity, lsn: Lsn): boolean {
    return this.#book.ancestors(identity, lsn).some((each) => this.#isNamed(each));
  }

  /**
   * To be asked when everything was looked at.
   *
   * @throws {HindsightError} `RELATION_UNKNOWN` when nothing was meant, `RELATION_AMBIGUOUS` when tables of several
   *   schemas were.
   */
  requireOne(): void {
    const [first, ...others] = this.#matched;
    const { name } = this.#name;
    if (first === undefined) {
      throw failure("RELATION_UNKNOWN", `no table "${name}" is known`, {
        hint: "Names come from catalogues that backups and archive-push save. Unlogged and temporary tables leave no trace in WAL.",
      });
    }
    if (others.length === 0) return;
    const all = [first, ...others].toSorted().map((place) => `${place}.${name}`);
    throw failure("RELATION_AMBIGUOUS", `"${name}" may be ${all.join(" or ")}`, {
      hint: `Say which: --table=${all[0]}.`,
    });
  }

  #isNamed(identity: RelationIdentity): boolean {
    const { database, schema, name } = this.#name;
    if (!HAVE_ROWS.has(identity.kind) || identity.name !== name) return false;
    if (schema !== undefined && identity.schema !== schema) return false;
    const databaseName = this.#book.databaseName(identity.database) ?? "";
    if (database !== undefined && databaseName !== database) return false;
    this.#matched.add(`${databaseName}.${identity.schema ?? ""}`);
    return true;
  }
}

/** Tables, partitioned ones, materialized views. */
const HAVE_ROWS: ReadonlySet<string> = new Set(["r", "p", "m"]);
