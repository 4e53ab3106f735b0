// The end of a transaction as a WAL index has it, in terms that somebody can be told of.
import { addLsn, type Lsn } from "../model/lsn.ts";
import { fromPostgresMicroseconds } from "../model/timestamp.ts";
import { segmentBegin } from "../model/wal-segment.ts";
import type { CommitFact } from "../restore/choose-backup.ts";
import type { RowPattern, WalIndex } from "../wal/index-content.ts";
import { fullXid } from "./full-xid.ts";
import type { FileRows } from "./pending-work.ts";

/** Where to find the end of a transaction. */
export interface CommitPlace {
  readonly index: WalIndex;
  /** Its row in the index's ends. */
  readonly row: number;
  /** The next transaction id with its epoch, as it was known here. */
  readonly nextXid: bigint | undefined;
}

/** The bare facts of a transaction's end. */
export function commitFact({ index, row, nextXid }: CommitPlace): CommitFact {
  return {
    xid: fullXid(index.ends.xid[row] ?? 0, nextXid),
    lsn: endLsnOf(index, row),
    at: endTimeOf(index, row),
  };
}

/** Where the record of an end begins. */
export function endLsnOf(index: WalIndex, row: number): Lsn {
  const begin = segmentBegin(index.segmentNumber, index.segmentSizeBytes);
  return addLsn(begin, BigInt(index.ends.offset[row] ?? 0));
}

/** When a transaction ended. */
export function endTimeOf(index: WalIndex, row: number): Temporal.Instant {
  return fromPostgresMicroseconds(BigInt(index.ends.at[row] ?? 0));
}

/** The rows of a pattern by file. */
export function patternRows(index: WalIndex, pattern: RowPattern): readonly FileRows[] {
  return pattern.flatMap(({ relation, ...rows }) => {
    const file = index.relations[relation];
    return file ? [{ file, rows }] : [];
  });
}
