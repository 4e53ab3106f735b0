// What `hindsight find` tells the story: which transaction did it, what stands around it, and what comes after it. The
// story itself looks at no clock and asks production for no transaction id; nobody has those after an accident.
import { failure } from "../../model/failure.ts";
import { type Lsn, parseLsn } from "../../model/lsn.ts";
import { parseInstant } from "../../model/timestamp.ts";
import { thousands } from "./counts.ts";

/** A transaction as the command's JSON has it; the part that is read here. */
export interface FoundTransaction {
  readonly xid: string;
  readonly commitLsn: string;
  readonly commitTime: string;
  readonly relations: readonly FoundRelation[];
  readonly stopBefore: { readonly target: string; readonly timeline: number };
  readonly commitBefore: { readonly xid: string; readonly time: string } | null;
}

interface FoundRelation {
  readonly schema: string | null;
  readonly name: string;
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
}

/** The transaction that did the damage. */
export interface FoundAccident {
  readonly xid: bigint;
  readonly lsn: Lsn;
  readonly at: Temporal.Instant;
  /** Of the commit before it. */
  readonly lastGoodAt: Temporal.Instant;
  /** The options of restore that lead to the instant before. */
  readonly target: readonly string[];
  /** Rows that it deleted, by table. */
  readonly deleted: readonly { readonly relation: string; readonly rows: number }[];
  /** What was committed later, and is given up by going back to the instant before. */
  readonly givenUp: readonly GivenUp[];
}

/** A transaction that is given up. */
export interface GivenUp {
  readonly xid: bigint;
  readonly at: Temporal.Instant;
  /** In words: `users: 1 inserted`. */
  readonly what: string;
}

/**
 * Reads what the command found.
 *
 * @param json of the search for the deletion, the most rows first.
 * @param laterJson of the search for everything since.
 * @throws {HindsightError} `CHECK_FAILED` when nothing was found.
 */
export function readAccident(json: string, laterJson: string): FoundAccident {
  const [worst] = transactionsOf(json);
  if (!worst?.commitBefore) {
    throw failure("CHECK_FAILED", "hindsight find does not see the deletion in the archived WAL");
  }
  const lsn = parseLsn(worst.commitLsn);
  return {
    xid: BigInt(worst.xid),
    lsn,
    at: parseInstant(worst.commitTime),
    lastGoodAt: parseInstant(worst.commitBefore.time),
    target: [
      "--type=lsn",
      `--target=${worst.stopBefore.target}`,
      "--target-exclusive",
      `--target-timeline=${worst.stopBefore.timeline}`,
    ],
    deleted: worst.relations
      .filter(({ deleted }) => deleted > 0)
      .map((relation) => ({ relation: nameOf(relation), rows: relation.deleted })),
    givenUp: transactionsOf(laterJson)
      .filter(({ commitLsn }) => parseLsn(commitLsn) > lsn)
      .map(({ xid, commitTime, relations }) => ({
        xid: BigInt(xid),
        at: parseInstant(commitTime),
        what: relations.map(describe).join("; "),
      })),
  };
}

function transactionsOf(json: string): readonly FoundTransaction[] {
  const { transactions } = JSON.parse(json) as {
    readonly transactions: readonly FoundTransaction[];
  };
  return transactions;
}

function nameOf({ schema, name }: FoundRelation): string {
  return schema === null ? name : `${schema}.${name}`;
}

function describe(relation: FoundRelation): string {
  const parts = (["deleted", "updated", "inserted"] as const)
    .filter((operation) => relation[operation] > 0)
    .map((operation) => `${thousands(relation[operation])} ${operation}`);
  return `${nameOf(relation)}: ${parts.join(", ")}`;
}
