// The text of `hindsight find`: for each transaction when it was, what it did, what stands around it, and the command
// that brings back the instant before.
import { formatLsn } from "../../model/lsn.ts";
import { describeInstant } from "../../model/timestamp.ts";
import type { FoundTransaction } from "../../recovery/found-transaction.ts";
import type { CommitFact } from "../../restore/choose-backup.ts";
import { restoreAnswer } from "./find-command.ts";
import { findAdvice, type FoundView, noCommitAfter, noCommitBefore } from "./find-json.ts";
import { searchedLines } from "./find-searched.ts";
import { pointsAround } from "./points-around.ts";
import { effectsText, placeEffectText, placeName, relationName } from "./relation-effects.ts";
import { formatTable } from "./table.ts";
import { counted } from "./units.ts";

/** Relations of one transaction that are shown; the rest is counted. */
const RELATION_COUNT_MAX = 20;

/** Everything that was found, and what could not be looked at. */
export function findText(all: FoundView): string {
  const { transactions, matchedCount } = all.result;
  const more = matchedCount - transactions.length;
  return [
    ...transactions.map((found) => `${transactionText(found, all)}\n`),
    ...(more > 0 ? [`${counted(more, "more transaction")} matched; --limit=N shows more.`] : []),
    ...(matchedCount === 0 ? [nothingText(all)] : []),
    ...searchedLines(all),
  ].join("\n");
}

function nothingText({ query, result, view }: FoundView): string {
  const { rolledBack } = result;
  if (!rolledBack) return "No transaction matched.";
  const at = describeInstant(rolledBack.at, view.timeZone);
  return `Transaction ${query.xid ?? rolledBack.xid} rolled back at ${at}; --aborted shows it.`;
}

function transactionText(found: FoundTransaction, all: FoundView): string {
  const { view, result } = all;
  const { timeZone } = view;
  const { before, after } = pointsAround(result.points, found.lsn);
  const verb = found.isAborted ? "rolled back" : "committed";
  const facts: string[][] = [];
  const gid =
    found.globalIdentifier === undefined ? "" : `, prepared as "${found.globalIdentifier}"`;
  facts.push(["LSN", `${formatLsn(found.lsn)}, timeline ${found.timeline}${gid}`]);
  const { commitBefore, commitAfter } = found;
  const textOf = (commit: CommitFact): string => commitText(commit, timeZone);
  facts.push(["commit before", commitBefore ? textOf(commitBefore) : noCommitBefore(found)]);
  facts.push(["commit after", commitAfter ? textOf(commitAfter) : noCommitAfter(found)]);
  const points = [before && `"${before.name}" before`, after && `"${after.name}" after`];
  const near = points.filter((point) => point !== undefined).join(", ");
  if (near !== "") facts.push(["restore points", near]);
  facts.push(...stopText(found));
  if (!found.isAborted) {
    const answer = restoreAnswer(found, findAdvice(all));
    facts.push([
      "to the instant before",
      answer.command ?? `cannot be reached: ${answer.obstacle}`,
    ]);
  }
  return [
    `transaction ${found.xid} ${verb} ${describeInstant(found.at, timeZone)}`,
    ...relationLines(found, timeZone),
    ...facts.map(([title = "", text = ""]) => `    ${title}: ${text}`),
  ].join("\n");
}

function stopText({
  stopBefore,
  isIncomplete,
  isBehindGap,
  globalIdentifier,
  isAborted,
}: FoundTransaction): readonly string[][] {
  const facts: string[][] = [];
  const { irreversible } = stopBefore;
  if (irreversible) {
    const what = `${irreversible.what} acts before its commit: stop before ${formatLsn(stopBefore.lsn)}`;
    facts.push(["note", what]);
  }
  if (isIncomplete) {
    const edge = isBehindGap ? "the gap" : "this history does";
    facts.push(["note", `it may have begun before ${edge}: some rows may be missing`]);
  }
  if (globalIdentifier !== undefined && !isAborted) {
    const what = `stopping before it leaves it prepared, with its locks: COMMIT PREPARED or ROLLBACK PREPARED '${globalIdentifier.replaceAll("'", "''")}'`;
    facts.push(["note", what]);
  }
  return facts;
}

function relationLines(
  { relations, droppedPlace }: FoundTransaction,
  timeZone: string,
): readonly string[] {
  const shown = relations.slice(0, RELATION_COUNT_MAX);
  const rest = relations.length - shown.length;
  const rows = [
    ...(droppedPlace ? [[placeName(droppedPlace), placeEffectText(droppedPlace, timeZone)]] : []),
    ...shown.map((relation) => [relationName(relation), effectsText(relation, timeZone)]),
  ];
  const table = formatTable(rows.map(([name = "", effect = ""]) => [`    ${name}`, effect]));
  return [
    ...(rows.length === 0 ? [] : [table]),
    ...(rest > 0 ? [`    and ${counted(rest, "more table")}`] : []),
  ];
}

function commitText({ xid, lsn, at }: CommitFact, timeZone: string): string {
  return `${describeInstant(at, timeZone)} (transaction ${xid}, ${formatLsn(lsn)})`;
}
