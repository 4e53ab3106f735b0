// The events of one WAL index, as recovery meets them: ends of transactions and the few rare facts by which it decides,
// merged in the order of WAL.
import { addLsn, type Lsn } from "../model/lsn.ts";
import { fromPostgresMicroseconds } from "../model/timestamp.ts";
import { segmentBegin } from "../model/wal-segment.ts";
import { END_FLAGS, type WalIndex } from "../wal/index-content.ts";
import type { EventFields, IndexEvent } from "../wal/index-events.ts";

/** Where a record begins and ends. */
export interface PlacedRecord {
  readonly lsn: Lsn;
  readonly endLsn: Lsn;
}

/** The end of a transaction, or of a subtransaction that was rolled back by itself. */
export interface EndedTransaction {
  readonly kind: "commit" | "abort";
  readonly xid: number;
  readonly at: Temporal.Instant;
  readonly subtransactions: readonly number[];
}

/** COMMIT, COMMIT PREPARED, ABORT or ROLLBACK PREPARED; of a subtransaction too, when it was rolled back by itself. */
export interface TransactionEndEvent extends PlacedRecord {
  readonly kind: "transactionEnd";
  readonly transaction: EndedTransaction;
}

/** A restore point was set: where recovery to its name can end. */
export interface RestorePointEvent extends PlacedRecord {
  readonly kind: "restorePoint";
  readonly point: EventFields<"restorePoint">;
}

/** What a record means for recovery. `mark` comes after the other event of its record, if there is one. */
export type RecordEvent =
  | TransactionEndEvent
  | RestorePointEvent
  | (PlacedRecord & { readonly kind: "prepare"; readonly transaction: EventFields<"prepare"> })
  | (PlacedRecord & {
      readonly kind: "runningTransactions";
      readonly running: EventFields<"runningTransactions">;
    })
  | (PlacedRecord & { readonly kind: "shutdownCheckpoint" })
  | (PlacedRecord & { readonly kind: "mark" });

/** Which ends of transactions are told. */
export type EndChoice =
  | "all"
  /** Those by which what is known at the end of the segment differs: the last end, the last commit, prepared ones. */
  | "lasting";

/** The events of a segment. */
export function* recordEvents(
  index: WalIndex,
  choice: EndChoice,
): Generator<RecordEvent, void, undefined> {
  const facts = index.events.map(factEvent).filter((event) => event !== undefined);
  let next = 0;
  for (const row of endRows(index, choice)) {
    const end = endEvent(index, row);
    for (let fact = facts[next]; fact && fact.lsn < end.lsn; fact = facts[next]) {
      yield fact;
      next += 1;
    }
    yield end;
  }
  yield* facts.slice(next);
}

function* endRows({ ends }: WalIndex, choice: EndChoice): Generator<number, void, undefined> {
  const isCommit = (row: number): boolean => ((ends.flags[row] ?? 0) & END_FLAGS.aborted) === 0;
  const last = ends.count - 1;
  let lastCommit = last;
  while (choice === "lasting" && lastCommit >= 0 && !isCommit(lastCommit)) lastCommit -= 1;
  for (let row = 0; row < ends.count; row += 1) {
    const isLasting = row === last || row === lastCommit;
    const isPrepared = ((ends.flags[row] ?? 0) & END_FLAGS.prepared) !== 0;
    if (choice === "all" || isLasting || isPrepared) yield row;
  }
}

/** The end of a transaction by its row. */
export function endEvent(index: WalIndex, row: number): TransactionEndEvent {
  const { ends, endDetails } = index;
  const begin = segmentBegin(index.segmentNumber, index.segmentSizeBytes);
  const lsn = addLsn(begin, BigInt(ends.offset[row] ?? 0));
  return {
    kind: "transactionEnd",
    lsn,
    endLsn: addLsn(lsn, BigInt(ends.length[row] ?? 0)),
    transaction: {
      kind: ((ends.flags[row] ?? 0) & END_FLAGS.aborted) === 0 ? "commit" : "abort",
      xid: ends.xid[row] ?? 0,
      at: fromPostgresMicroseconds(BigInt(ends.at[row] ?? 0)),
      subtransactions: endDetails.get(row)?.subtransactions ?? [],
    },
  };
}

function factEvent(event: IndexEvent): RecordEvent | undefined {
  const place = { lsn: event.lsn, endLsn: event.endLsn };
  switch (event.kind) {
    case "restorePoint":
      return { kind: "restorePoint", ...place, point: event };
    case "prepare":
      return { kind: "prepare", ...place, transaction: event };
    case "runningTransactions":
      return { kind: "runningTransactions", ...place, running: event };
    case "checkpoint":
      return event.shutdown ? { kind: "shutdownCheckpoint", ...place } : undefined;
    default:
      return undefined;
  }
}
