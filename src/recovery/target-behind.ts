// What lies on both sides of the place where recovery stops, beyond what playing it through has told: what is given up,
// and other restore points of the same name. Damage there is no reason to refuse a target; it is told.
import type { Context } from "../base/context.ts";
import { formatLsn, type Lsn } from "../model/lsn.ts";
import { describeInstant } from "../model/timestamp.ts";
import { segmentNumberAt } from "../model/wal-segment.ts";
import type { CommitFact } from "../restore/choose-backup.ts";
import { fullXid } from "./full-xid.ts";
import type { RestorePointEvent, TransactionEndEvent } from "./history-events.ts";
import { isDamage } from "./history-segments.ts";
import { about, type Found, type ResolveQuestion } from "./target-find.ts";
import { scanHistory } from "./target-scan.ts";

/** What was found behind the target. */
export interface Behind {
  /** The first commit that is given up. */
  readonly commit: CommitFact | undefined;
  /** One sentence each. */
  readonly notes: readonly string[];
}

/** Commits with an earlier time are named up to here, and counted behind. */
const OUT_OF_ORDER_NAMED_MAX = 5;

/**
 * Looks for the first commit that is given up, for commits with an earlier time that are given up too (rules.md D6), in
 * that segment and the next one, and for later restore points of the same name, to the end of the archive.
 */
export async function lookBehind(
  question: ResolveQuestion,
  found: Found,
  context: Context,
): Promise<Behind> {
  if (question.target.kind === "default") return { commit: undefined, notes: [] };
  const behind = new BehindLook(question, found);
  const scan = {
    ...question,
    onProgress: undefined,
    begin: found.stopLsn,
    blockSizeBytes: found.backup.blockSizeBytes,
  };
  const damage: string[] = [];
  try {
    for await (const event of scanHistory(scan, context)) {
      if (behind.isDone(event.lsn)) break;
      if (found.isApplied && event.lsn <= found.stopLsn) continue;
      if (event.kind === "transactionEnd") behind.takeEnd(event);
      if (event.kind === "restorePoint") behind.takePoint(event);
      if (behind.isDone(event.lsn)) break;
    }
  } catch (error) {
    if (!isDamage(error)) throw error;
    damage.push(`What was archived after the target cannot be read to the end: ${error.message}.`);
  }
  return { commit: behind.commit, notes: [...behind.notes, ...damage] };
}

/** Collects what follows the target. */
class BehindLook {
  readonly #question: ResolveQuestion;
  readonly #found: Found;
  readonly #timeZone: string;
  readonly #twins: string[] = [];
  readonly #outOfOrder: CommitFact[] = [];
  #commit: CommitFact | undefined;

  constructor(question: ResolveQuestion, found: Found) {
    this.#question = question;
    this.#found = found;
    this.#timeZone = about(question).timeZone;
  }

  get commit(): CommitFact | undefined {
    return this.#commit;
  }

  get notes(): readonly string[] {
    return [...this.#describeOutOfOrder(), ...this.#twins];
  }

  takeEnd(event: TransactionEndEvent): void {
    const { target } = this.#question;
    if (event.transaction.kind !== "commit") return;
    const commit = commitOf(event, this.#found.replayed.nextXid);
    this.#commit ??= commit;
    if (target.kind !== "time") return;
    const order = Temporal.Instant.compare(commit.at, target.time.instant);
    if (order < 0 || (order === 0 && !target.exclusive)) this.#outOfOrder.push(commit);
  }

  takePoint({ lsn, point }: RestorePointEvent): void {
    const { target } = this.#question;
    if (target.kind !== "name" || point.name !== target.name) return;
    this.#twins.push(
      `Restore point "${point.name}" is there again at ${describeInstant(point.at, this.#timeZone)}; a recovery by name stops at the first, --type=lsn --target=${formatLsn(lsn)} leads to that one.`,
    );
  }

  /** Whether what is behind a position does not matter any more. */
  isDone(lsn: Lsn): boolean {
    const { target, archive } = this.#question;
    if (!this.#commit || target.kind === "name") return false;
    if (target.kind !== "time") return true;
    const { segmentSizeBytes } = archive.record;
    const last = segmentNumberAt(this.#commit.lsn, segmentSizeBytes) + 1n;
    return segmentNumberAt(lsn, segmentSizeBytes) > last;
  }

  #describeOutOfOrder(): readonly string[] {
    const rest = this.#outOfOrder.length - OUT_OF_ORDER_NAMED_MAX;
    const named = this.#outOfOrder
      .slice(0, OUT_OF_ORDER_NAMED_MAX)
      .map(
        ({ xid, at }) =>
          `Transaction ${xid} is given up, too, although its time, ${describeInstant(at, this.#timeZone)}, is not later: it was written behind the place where recovery stops.`,
      );
    return rest > 0 ? [...named, `So are ${rest} more.`] : named;
  }
}

/**
 * Restore points of the same name before the one that was found, to which an older backup leads. PostgreSQL stops at
 * the first one behind the backup, so they are reached by position.
 */
export async function earlierTwins(
  question: ResolveQuestion,
  { backup, stopLsn }: Found,
  context: Context,
): Promise<readonly string[]> {
  const { target, candidates } = question;
  const [oldest] = candidates;
  if (target.kind !== "name" || !oldest || oldest.startLsn >= backup.startLsn) return [];
  const { timeZone } = about(question);
  const twins: string[] = [];
  const scan = {
    ...question,
    onProgress: undefined,
    choose: () => "lasting" as const,
    begin: oldest.startLsn,
    end: stopLsn,
    blockSizeBytes: backup.blockSizeBytes,
  };
  try {
    for await (const event of scanHistory(scan, context)) {
      if (event.lsn >= stopLsn) break;
      if (event.kind !== "restorePoint" || event.point.name !== target.name) continue;
      if (event.lsn < oldest.stopLsn) continue;
      twins.push(
        `Restore point "${target.name}" is there before, too, at ${describeInstant(event.point.at, timeZone)}; --type=lsn --target=${formatLsn(event.lsn)} leads to that one.`,
      );
    }
  } catch (error) {
    if (!isDamage(error)) throw error;
  }
  return twins;
}

/** @param nextXid the next transaction id with its epoch, near the commit. */
export function commitOf(
  { lsn, transaction }: TransactionEndEvent,
  nextXid: bigint | undefined,
): CommitFact {
  return { xid: fullXid(transaction.xid, nextXid), lsn, at: transaction.at };
}
