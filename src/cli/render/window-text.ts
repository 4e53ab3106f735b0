// The text of `hindsight window`: for each timeline from when to when it can be recovered, and what is wrong in between.
import type { BackupLabel } from "../../model/backup-label.ts";
import type { StanzaName } from "../../model/stanza.ts";
import { formatLsn } from "../../model/lsn.ts";
import { describeHistory, type TimelineHistory } from "../../model/timeline.ts";
import { describeInstant } from "../../model/timestamp.ts";
import type { RecoveryWindows, TimelineWindows } from "../../recovery/window.ts";
import type { RecoveryGap } from "../../recovery/window-gaps.ts";
import type { RecoveryWindow } from "../../recovery/window-survey.ts";
import { wrapText } from "./table.ts";
import { gapAdvice } from "./window-advice.ts";

/** Windows and what their text needs to know beside them. */
export interface WindowReport {
  readonly stanza: StanzaName;
  readonly found: RecoveryWindows;
  /** The cluster's, as its newest backup recorded it; undefined when there is no backup. */
  readonly timeZone: string | undefined;
}

const WIDTH = 110;

/** Newest timeline first, because a restore follows that one unless told otherwise. */
export function windowText({ stanza, found, timeZone }: WindowReport): string {
  if (timeZone === undefined) {
    return `stanza ${stanza} has no complete backup: nothing can be recovered yet\nRun \`hindsight backup\`; the window begins where it is complete.`;
  }
  const { timelines, gaps, strandedBackups } = found;
  const histories = timelines.map(({ history }) => history);
  const blocks: readonly (readonly string[])[] = [
    [`stanza ${stanza}`],
    ...timelines
      .toReversed()
      .map((each) => [...timelineLines(each, histories), ...windowsLines(each, timeZone)]),
    gaps.length === 0 ? [] : ["gaps", ...gaps.flatMap(gapLines)],
    strandedBackups.map(strandedLine),
    timelines.some(({ windows }) => windows.length > 0) ? HOW_TO_REACH : [],
  ];
  return blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}

/** What the timeline is, for somebody who has to choose one. */
function timelineLines(
  { history, ownWal }: TimelineWindows,
  histories: readonly TimelineHistory[],
): readonly string[] {
  const { timeline, ancestors } = history;
  const parent = ancestors.at(-1);
  const notes: string[] = [];
  if (histories.length > 1) {
    notes.push(
      history === histories.at(-1)
        ? "the newest: a restore follows it"
        : `a restore follows it with --target-timeline=${timeline}`,
    );
  }
  if (parent) notes.push(`path: ${describeHistory(history)}`);
  if (parent && !ownWal) {
    const left = `timeline ${parent.timeline} was left, at ${formatLsn(parent.switchLsn)}`;
    notes.push(`none of its WAL is archived: along it recovery ends where ${left}`);
  }
  for (const child of histories) {
    const left = child.ancestors.at(-1);
    if (left?.timeline !== timeline) continue;
    notes.push(`timeline ${child.timeline} branched off at ${formatLsn(left.switchLsn)}`);
  }
  return [`timeline ${timeline}`, ...notes.map((note) => wrapText(note, WIDTH, "  "))];
}

function windowsLines({ windows }: TimelineWindows, timeZone: string): readonly string[] {
  if (windows.length === 0) return ["  no window: no complete backup leads to it"];
  return windows.flatMap((window) => windowLines(window, timeZone));
}

function windowLines(window: RecoveryWindow, timeZone: string): readonly string[] {
  const { earliest, latest, backups, transaction, endsAtGap } = window;
  const [oldest] = backups;
  const newest = backups.at(-1);
  const others =
    backups.length === 1
      ? ""
      : `; ${backups.length} backups lead into the window, the newest is ${newest}`;
  const end = transaction
    ? `${transaction.kind === "commit" ? "commit" : "rollback"} of transaction ${transaction.xid}`
    : `end of backup ${newest}: no transaction ended since`;
  return [
    `  window of ${formatSpan(earliest.time, latest.time)}${endsAtGap ? ", cut short by a gap" : ""}`,
    `    earliest  ${describeInstant(earliest.time, timeZone)}, LSN ${formatLsn(earliest.lsn)}`,
    `              end of backup ${oldest}${others}`,
    `    latest    ${describeInstant(latest.time, timeZone)}, LSN ${formatLsn(latest.lsn)}`,
    `              ${end}`,
  ];
}

function gapLines(gap: RecoveryGap): readonly string[] {
  const { timeline, begin, end, reason } = gap;
  const texts = [`${reason}.`, gapAdvice(gap)];
  return [
    `  timeline ${timeline}, from ${formatLsn(begin)} to ${formatLsn(end)}`,
    ...texts.map((text) => wrapText(text, WIDTH, "    ")),
  ];
}

function strandedLine(label: BackupLabel): string {
  return `Backup ${label} cannot be recovered: WAL that a restore of it needs is not all stored.`;
}

const HOW_TO_REACH = [
  "To an instant from the earliest on and before the latest: `hindsight restore --type=time --target='…'`.",
  "With the latest transaction: --type=lsn --target= its LSN; with no more than a backup: --type=immediate.",
  "What was committed later is not archived yet: if the cluster runs, `select pg_switch_wal()` archives it.",
];

/** `4 days 3 h`, `3 h 12 min`, `12 min 5 s`, `0.4 s`: two units at most, rounded down. */
export function formatSpan(begin: Temporal.Instant, end: Temporal.Instant): string {
  const span = begin.until(end, { largestUnit: "hour" });
  const counts = [
    [Math.floor(span.hours / 24), "days"],
    [span.hours % 24, "h"],
    [span.minutes, "min"],
    [span.seconds, "s"],
  ] as const;
  const first = counts.findIndex(([count]) => count > 0);
  if (first < 0) return `${span.milliseconds / 1000} s`;
  return counts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => (count === 1 && unit === "days" ? "1 day" : `${count} ${unit}`))
    .join(" ");
}
