// The text of `hindsight find`: for each transaction when it was, what it did, what stands around it, and the command
// that brings back the instant before.
import { formatLsn } from "../../model/lsn.ts";
import { describeInstant } from "../../model/timestamp.ts";
import { formatSegmentName } from "../../model/wal-segment.ts";
import type { FindResult } from "../../recovery/find.ts";
import type { FoundTransaction } from "../../recovery/found-transaction.ts";
import type { CommitFact } from "../../restore/choose-backup.ts";
import { restoreCommand } from "./find-command.ts";
import type { FoundView } from "./find-json.ts";
import { pointsAround } from "./points-around.ts";
import { effectsText, relationName } from "./relation-effects.ts";
import { formatTable } from "./table.ts";
import { formatNumber } from "./units.ts";

/** Relations of one transaction that are shown; the rest is counted. */
const RELATION_COUNT_MAX = 20;

/** Everything that was found, and what could not be looked at. */
export function findText(all: FoundView): string {
  const { view, result } = all;
  const { transactions, matchedCount } = result;
  const more = matchedCount - transactions.length;
  return [
    ...transactions.map((found) => `${transactionText(found, all)}\n`),
    ...(more > 0 ? [`${counted(more, "more transaction")} matched; --limit=N shows more.`] : []),
    ...(matchedCount === 0 ? ["No transaction matched."] : []),
    `Searched ${counted(result.profile.length, "WAL segment")} of timeline ${view.history.timeline}.`,
    ...unindexedDoubt(result),
    ...gapDoubts(all),
    "Unlogged and temporary tables leave no trace in WAL.",
  ].join("\n");
}

function transactionText(found: FoundTransaction, { view, result, options }: FoundView): string {
  const { timeZone, backups } = view;
  const { before, after } = pointsAround(result.points, found.lsn);
  const verb = found.isAborted ? "rolled back" : "committed";
  const facts: string[][] = [];
  const gid =
    found.globalIdentifier === undefined ? "" : `, prepared as "${found.globalIdentifier}"`;
  facts.push(["LSN", `${formatLsn(found.lsn)}, timeline ${found.timeline}${gid}`]);
  if (found.commitBefore) facts.push(["commit before", commitText(found.commitBefore, timeZone)]);
  if (found.commitAfter) facts.push(["commit after", commitText(found.commitAfter, timeZone)]);
  const points = [before && `"${before.name}" before`, after && `"${after.name}" after`];
  const near = points.filter((point) => point !== undefined).join(", ");
  if (near !== "") facts.push(["restore points", near]);
  facts.push(...stopText(found));
  if (!found.isAborted)
    facts.push(["to the instant before", restoreCommand(found, { backups, options }) ?? TOO_EARLY]);
  return [
    `transaction ${found.xid} ${verb} ${describeInstant(found.at, timeZone)}`,
    ...relationLines(found),
    ...facts.map(([title = "", text = ""]) => `    ${title}: ${text}`),
  ].join("\n");
}

const TOO_EARLY = "no backup was complete by then, so it cannot be reached";

function stopText({ stopBefore, isIncomplete }: FoundTransaction): readonly string[][] {
  const facts: string[][] = [];
  const { irreversible } = stopBefore;
  if (irreversible) {
    const what = `${irreversible.what} (OID ${irreversible.oid}) acts before its commit: stop before ${formatLsn(stopBefore.lsn)}`;
    facts.push(["note", what]);
  }
  if (isIncomplete) {
    facts.push(["note", "it may have begun before this history does: some rows may be missing"]);
  }
  return facts;
}

function relationLines({ relations }: FoundTransaction): readonly string[] {
  const shown = relations.slice(0, RELATION_COUNT_MAX);
  const rest = relations.length - shown.length;
  const table = formatTable(
    shown.map((relation) => [`    ${relationName(relation)}`, effectsText(relation)]),
  );
  return [
    ...(shown.length === 0 ? [] : [table]),
    ...(rest > 0 ? [`    and ${counted(rest, "more table")}`] : []),
  ];
}

function commitText({ xid, lsn, at }: CommitFact, timeZone: string): string {
  return `${describeInstant(at, timeZone)} (transaction ${xid}, ${formatLsn(lsn)})`;
}

function unindexedDoubt({ unindexedCount }: FindResult): readonly string[] {
  if (unindexedCount === 0) return [];
  return [
    `${counted(unindexedCount, "segment")} had no WAL index and ${unindexedCount === 1 ? "was" : "were"} read whole; \`hindsight index --rebuild\` makes this faster.`,
  ];
}

function gapDoubts({ view, result }: FoundView): readonly string[] {
  const { segmentSizeBytes } = view.archive.record;
  const { timeline } = view.history;
  const name = (number_: bigint): string =>
    formatSegmentName({ timeline, number: number_ }, segmentSizeBytes);
  return [
    ...result.missing.map(
      ({ first, last }) =>
        `NOT SEARCHED, because not archived: ${first === last ? name(first) : `${name(first)} to ${name(last)}`}.`,
    ),
    ...result.unreadable.map(
      ({ name: segment, error }) => `NOT SEARCHED: ${segment}: ${error.message}.`,
    ),
  ];
}

function counted(count: number, noun: string): string {
  return `${formatNumber(count)} ${noun}${count === 1 ? "" : "s"}`;
}
