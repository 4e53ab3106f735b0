// Which relations a user means by `[[database.]schema.]name`: the table itself, and for a partitioned table or an
// inheritance parent everything below it.
import { nearestWord } from "../base/nearest.ts";
import { failure } from "../model/failure.ts";
import type { Lsn } from "../model/lsn.ts";
import { formatRelationName, type RelationName } from "../model/relation-name.ts";
import type { RelationBook, RelationIdentity } from "./relation-book.ts";

/** Tables that a hint offers instead of one that is not known. */
const OFFERED_COUNT_MAX = 3;

/** The relations of one name, and those below them. */
export class RelationFilter {
  readonly #name: RelationName;
  readonly #book: RelationBook;
  /** Full names of what matched by itself. */
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
    const asked = formatRelationName(this.#name);
    if (first === undefined) {
      throw failure("RELATION_UNKNOWN", `no table ${asked} is known`, {
        hint: this.#otherTables(),
      });
    }
    if (others.length === 0) return;
    const all = [first, ...others].toSorted();
    throw failure("RELATION_AMBIGUOUS", `${asked} may be ${all.join(" or ")}`, {
      hint: `Say which: --table=${all[0]}.`,
    });
  }

  #isNamed(identity: RelationIdentity): boolean {
    const { database, schema, name } = this.#name;
    if (!HAVE_ROWS.has(identity.kind) || identity.name !== name) return false;
    if (schema !== undefined && identity.schema !== schema) return false;
    const databaseName = this.#book.databaseName(identity.database) ?? String(identity.database);
    if (database !== undefined && databaseName !== database) return false;
    this.#matched.add(this.#nameOf(identity));
    return true;
  }

  #nameOf({ database, schema, name }: RelationIdentity): string {
    return formatRelationName({
      database: this.#book.databaseName(database) ?? database,
      schema,
      name,
    });
  }

  /** Those of this name elsewhere, else the one whose name is nearest. */
  #otherTables(): string {
    const tables = [...this.#book.identities()].filter(({ kind }) => HAVE_ROWS.has(kind));
    const nearest = nearestWord(
      this.#name.name,
      tables.map(({ name }) => name),
    );
    const offered = tables.filter(({ name }) => name === nearest).map((each) => this.#nameOf(each));
    const names = [...new Set(offered)].toSorted().slice(0, OFFERED_COUNT_MAX);
    return names.length > 0 ? `There is ${names.join(", ")}.` : WHERE_NAMES_COME_FROM;
  }
}

const WHERE_NAMES_COME_FROM =
  "Names come from catalogues that backups and archive-push save. Unlogged and temporary tables leave no trace in WAL.";

/** Tables, partitioned ones, materialized views. */
const HAVE_ROWS: ReadonlySet<string> = new Set(["r", "p", "m"]);
