// What a recovery has replayed by the place where it stops, as far as it matters to whoever chooses that place. Who plays
// it through: target-replay.ts.
import type { RecoveryTarget } from "../model/recovery-target.ts";
import type { WalIndex } from "../wal/index-content.ts";
import { isXid } from "./full-xid.ts";
import type { TransactionEndEvent } from "./history-events.ts";
import { IrreversibleWatch } from "./target-irreversible.ts";
import type { HistoryEvent } from "./target-scan.ts";
import { SnapshotForecast } from "./target-snapshot.ts";

/** What a recovery has replayed by the place where it stops or ends. */
export interface Replayed {
  /** The last commit or rollback: time targets are compared with nothing else. */
  readonly lastTransaction: TransactionEndEvent | undefined;
  readonly lastCommit: TransactionEndEvent | undefined;
  /** The commit of the transaction that the target's id is a subtransaction of. */
  readonly parent: TransactionEndEvent | undefined;
  /** The end of a transaction whose id is the target's but for the epoch. */
  readonly namesake: TransactionEndEvent | undefined;
  /** Transactions that were prepared since the beginning and are neither committed nor rolled back: id and name. */
  readonly prepared: ReadonlyMap<number, string>;
  /** Whether a server in recovery could answer queries, and therefore pause, if the backup is consistent here. */
  readonly canPause: boolean;
  /** The next transaction id with its epoch, as a checkpoint near this place has it. */
  readonly nextXid: bigint | undefined;
  /** What transactions that have not ended here have destroyed already. */
  readonly irreversible: IrreversibleWatch;
}

/** A transaction id as WAL has it: without the epoch. */
export function shortXid(xid: bigint): number {
  return Number(BigInt.asUintN(32, xid));
}

/** Keeps what was replayed. */
export class ReplayLog {
  readonly #target: RecoveryTarget;
  readonly #forecast: SnapshotForecast = new SnapshotForecast();
  readonly #prepared: Map<number, string> = new Map();
  readonly #irreversible: IrreversibleWatch = new IrreversibleWatch();
  #nextXid: bigint | undefined;
  #lastTransaction: TransactionEndEvent | undefined;
  #lastCommit: TransactionEndEvent | undefined;
  #parent: TransactionEndEvent | undefined;
  #namesake: TransactionEndEvent | undefined;

  constructor(target: RecoveryTarget) {
    this.#target = target;
  }

  get replayed(): Replayed {
    return {
      lastTransaction: this.#lastTransaction,
      lastCommit: this.#lastCommit,
      parent: this.#parent,
      namesake: this.#namesake,
      prepared: this.#prepared,
      canPause: this.#forecast.isReady,
      nextXid: this.#nextXid,
      irreversible: this.#irreversible,
    };
  }

  /** The next transaction id with its epoch, as far as it is known here. */
  get nextXid(): bigint | undefined {
    return this.#nextXid;
  }

  /** A segment begins; its events follow. */
  enter(index: WalIndex): void {
    this.#nextXid = index.nextXid ?? this.#nextXid;
    this.#irreversible.enter(index);
  }

  apply(event: HistoryEvent): void {
    this.#forecast.apply(event);
    if (event.kind === "prepare") {
      this.#prepared.set(event.transaction.xid, event.transaction.globalIdentifier);
    }
    if (event.kind !== "transactionEnd") return;
    this.#prepared.delete(event.transaction.xid);
    this.#lastTransaction = event;
    if (event.transaction.kind === "commit") this.#lastCommit = event;
    if (this.#target.kind === "xid") this.#noteKin(event, this.#target.xid);
  }

  /** Recovery did not stop at the transaction, so it is not the one that is looked for. */
  #noteKin(event: TransactionEndEvent, asked: bigint): void {
    const { xid, kind, subtransactions } = event.transaction;
    const short = shortXid(asked);
    if (xid === short) this.#namesake = event;
    const isParent = kind === "commit" && subtransactions.includes(short);
    if (isParent && isXid(asked, short, this.#nextXid)) this.#parent = event;
  }
}
