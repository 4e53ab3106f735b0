// Which backups expire, and why the others stay: pgBackRest's rules of counting, then what no rule may take away. Pure.
//
// Counting goes by the time in the label, which never runs backwards, and never by timeline or segment names.
import type { BackupLabel } from "../model/backup-label.ts";
import { failure } from "../model/failure.ts";
import type { Hold } from "../repository/hold.ts";
import { compareLabels } from "../repository/backup-set.ts";
import { type ExpireRequest, retentionBegin, type RetentionRules } from "./rules.ts";
import type { RetentionBackup, RetentionSurvey, UnfinishedBackup } from "./survey.ts";

/** A label and a clause that says why. */
export interface LabelReason {
  readonly label: BackupLabel;
  readonly reason: string;
}

/** What is decided about the backups that are listed now. */
export interface BackupChoice {
  /** Oldest first. */
  readonly going: readonly LabelReason[];
  readonly staying: readonly RetentionBackup[];
  /** Backups that the rules would have let go, and what keeps them. */
  readonly spared: readonly LabelReason[];
}

/** What decides beside the survey. */
export interface ChoiceQuestion {
  readonly survey: RetentionSurvey;
  readonly request: ExpireRequest;
  /** Whether all packs and the WAL that a backup needs to be consistent are there, by their names. */
  readonly isRestorable: (backup: RetentionBackup) => boolean;
  readonly now: Temporal.Instant;
}

/**
 * Decides.
 *
 * @throws {HindsightError} for backups that were named: `BACKUP_UNKNOWN`, `BACKUP_HELD`, `LOCK_HELD` while an unfinished
 *   backup builds on one, `BACKUP_LAST`.
 */
export function chooseBackups(question: ChoiceQuestion): BackupChoice {
  const { survey, request } = question;
  return request.named.length > 0 ? chooseNamed(question) : chooseByRules(survey, question);
}

function chooseByRules(survey: RetentionSurvey, question: ChoiceQuestion): BackupChoice {
  const { rules } = question.request;
  const family = new Family(survey.backups);
  const wanted = new Map<BackupLabel, string>();
  expireFull(family, wanted, { rules, now: question.now });
  expireDiff(family, wanted, rules);
  const kept = pinnedLabels(survey, family);
  const last = lastRestorable(
    survey.backups.filter(({ label }) => !isGoing(label)),
    question,
  )
    ? undefined
    : lastRestorable(survey.backups, question);
  if (last) keepChain(family, kept, last.label, "it is the last backup that can be restored");
  return split(survey, wanted, kept);

  function isGoing(label: BackupLabel): boolean {
    return wanted.has(label) && !kept.has(label);
  }
}

function expireFull(
  family: Family,
  wanted: Map<BackupLabel, string>,
  { rules, now }: { readonly rules: RetentionRules; readonly now: Temporal.Instant },
): void {
  if (rules.full === undefined) return;
  const fulls = family.backups.filter(({ type }) => type === "full");
  const oldestKept =
    rules.fullType === "count"
      ? fulls.at(-rules.full)
      : fulls.findLast(({ stopTime }) => isBefore(stopTime, retentionBegin(rules.full ?? 0, now)));
  if (!oldestKept) return;
  const reason =
    rules.fullType === "count"
      ? `retention keeps ${countOf(rules.full, "full backup")}`
      : `retention keeps ${countOf(rules.full, "day")} and the full backup before`;
  for (const { label } of family.backups) {
    if (fullStamp(label) < fullStamp(oldestKept.label)) wanted.set(label, reason);
  }
}

function expireDiff(family: Family, wanted: Map<BackupLabel, string>, rules: RetentionRules): void {
  if (rules.diff === undefined) return;
  const counted = family.backups.filter(({ type, label }) => type !== "incr" && !wanted.has(label));
  for (const { label, type } of counted.slice(0, Math.max(0, counted.length - rules.diff))) {
    if (type === "full") continue;
    const reason = `retention keeps ${countOf(rules.diff, "differential backup")}, full ones counted`;
    for (const each of family.withDependents(label)) wanted.set(each, reason);
  }
}

/** Backups that others stand on: held ones, and those that unfinished backups build on. */
function pinnedLabels(survey: RetentionSurvey, family: Family): Map<BackupLabel, string> {
  const kept = new Map<BackupLabel, string>();
  for (const hold of survey.holds) keepChain(family, kept, hold.label, describeHold(hold));
  for (const { label, prior, host } of survey.unfinished) {
    if (prior === undefined) continue;
    keepChain(family, kept, prior, `backup ${label}, which host ${host} is taking, builds on it`);
  }
  return kept;
}

/** @returns `it is held: "reason"` */
export function describeHold({ facts }: Hold): string {
  return facts ? `it is held: "${facts.reason}" (${facts.by})` : "it is held";
}

/** Keeps a backup and all that it was built on. */
function keepChain(
  family: Family,
  kept: Map<BackupLabel, string>,
  label: BackupLabel,
  reason: string,
): void {
  const [own, ...ancestors] = family.chain(label);
  if (!own) return;
  if (!kept.has(own.label)) kept.set(own.label, reason);
  for (const each of ancestors) {
    if (!kept.has(each.label)) kept.set(each.label, `${label}, which stays, builds on it`);
  }
}

function split(
  survey: RetentionSurvey,
  wanted: ReadonlyMap<BackupLabel, string>,
  kept: ReadonlyMap<BackupLabel, string>,
): BackupChoice {
  const going = [...wanted].filter(([label]) => !kept.has(label));
  const spared = [...wanted.keys()].filter((label) => kept.has(label));
  const gone = new Set(going.map(([label]) => label));
  return {
    going: going
      .map(([label, reason]) => ({ label, reason }))
      .toSorted((left, right) => compareLabels(left.label, right.label)),
    staying: survey.backups.filter(({ label }) => !gone.has(label)),
    spared: spared.map((label) => ({ label, reason: kept.get(label) ?? "" })),
  };
}

function chooseNamed(question: ChoiceQuestion): BackupChoice {
  const { survey, request } = question;
  const family = new Family(survey.backups);
  const wanted = new Map<BackupLabel, string>();
  for (const label of request.named) {
    requireKnown(survey, label);
    for (const each of family.withDependents(label)) {
      const reason = each === label ? "it was named" : `it builds on ${label}, which was named`;
      if (!wanted.has(each)) wanted.set(each, reason);
    }
  }
  const labels = [...wanted.keys()];
  for (const hold of survey.holds) if (wanted.has(hold.label)) throw held(hold);
  for (const each of survey.unfinished) {
    if (each.prior !== undefined && wanted.has(each.prior)) throw inUse(each, each.prior);
  }
  const remaining = survey.backups.filter(({ label }) => !wanted.has(label));
  const last = lastRestorable(survey.backups, question);
  if (last && wanted.has(last.label) && !lastRestorable(remaining, question) && !request.force) {
    throw failure("BACKUP_LAST", `${last.label} is the last backup that can be restored`, {
      hint: `Take another backup first. --force removes it all the same: then nothing is left to restore from.`,
      context: { labels: labels.join(", ") },
    });
  }
  return split(survey, wanted, new Map());
}

function requireKnown({ backups, damaged }: RetentionSurvey, label: BackupLabel): void {
  if ([...backups, ...damaged].some((each) => each.label === label)) return;
  throw failure("BACKUP_UNKNOWN", `there is no complete backup ${label} to expire`, {
    hint:
      backups.length === 0
        ? "There is no complete backup at all."
        : `There is ${backups.map((each) => each.label).join(", ")}.`,
  });
}

function held(hold: Hold): Error {
  return failure("BACKUP_HELD", `backup ${hold.label} cannot expire: ${describeHold(hold)}`, {
    hint: `\`hindsight hold --set=${hold.label} --release\` releases it. Nothing was expired.`,
    context: { label: hold.label, hold: hold.number },
  });
}

function inUse({ label, host }: UnfinishedBackup, prior: BackupLabel): Error {
  return failure("LOCK_HELD", `backup ${prior} cannot expire: ${label} is being built on it`, {
    hint: `Host ${host} is taking it. Wait for its end, then try again. Nothing was expired.`,
  });
}

/**
 * The newest backup that can be restored, without damaged pages if there is one such; of the current cluster if it has
 * any.
 */
function lastRestorable(
  backups: readonly RetentionBackup[],
  { survey, isRestorable }: ChoiceQuestion,
): RetentionBackup | undefined {
  const current = survey.records.at(-1);
  const ofCurrent = survey.backups.filter(
    (each) =>
      each.systemIdentifier === current?.systemIdentifier &&
      each.majorVersion === current.majorVersion,
  );
  const restorable = backups.filter(isRestorable);
  const sound = ofCurrent.filter((each) => isRestorable(each) && !each.hasPageErrors);
  const ofCluster = ofCurrent.some(isRestorable) ? ofCurrent : restorable;
  const eligible = sound.length > 0 ? sound : ofCluster;
  return restorable.findLast((each) => eligible.includes(each));
}

/** Who was built on whom. */
class Family {
  readonly backups: readonly RetentionBackup[];
  readonly #byLabel: ReadonlyMap<BackupLabel, RetentionBackup>;

  constructor(backups: readonly RetentionBackup[]) {
    this.backups = backups;
    this.#byLabel = new Map(backups.map((each) => [each.label, each]));
  }

  /** The backup, what it was built on, and so on; nothing when there is no such backup. */
  chain(label: BackupLabel): readonly RetentionBackup[] {
    const chain: RetentionBackup[] = [];
    let next = this.#byLabel.get(label);
    while (next && !chain.includes(next)) {
      chain.push(next);
      next = next.prior === undefined ? undefined : this.#byLabel.get(next.prior);
    }
    return chain;
  }

  /** The label, and every backup that was built on it, directly or not. */
  withDependents(label: BackupLabel): readonly BackupLabel[] {
    const isFull = label.endsWith("F");
    const dependents = this.backups.filter(
      (each) =>
        each.label !== label &&
        ((isFull && fullStamp(each.label) === fullStamp(label)) ||
          this.chain(each.label).some((ancestor) => ancestor.label === label)),
    );
    return [label, ...dependents.map((each) => each.label)];
  }
}

/** The time of the full backup that a label begins with. */
function fullStamp(label: BackupLabel): string {
  return label.slice(0, 15);
}

function isBefore(left: Temporal.Instant, right: Temporal.Instant): boolean {
  return Temporal.Instant.compare(left, right) < 0;
}

function countOf(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
