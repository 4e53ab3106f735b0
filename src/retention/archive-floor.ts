// From which backups on the WAL of one cluster is kept, as pgBackRest counts it, with two differences: a backup counts only
// when it has been complete for the grace period, and what is hidden counts as long as a restore may read it. Pure.
import { compareLabels } from "../repository/backup-set.ts";
import type { StanzaRecord } from "../repository/stanza.ts";
import { countsForArchive, type RetentionRules, retentionBegin } from "./rules.ts";
import type { RetentionBackup, RetentionSurvey, UnfinishedBackup } from "./survey.ts";

/** What is kept of the WAL of one cluster. */
export type ArchiveFloor =
  /** Everything, with the reason as a clause. */
  | { readonly kind: "all"; readonly reason: string }
  /** Nothing: the stanza has another cluster now, and no backup of this one. */
  | { readonly kind: "nothing" }
  /** What can be replayed from these backups, the floor first. */
  | { readonly kind: "from"; readonly replayed: readonly RetentionBackup[] };

/** What decides. */
export interface FloorQuestion {
  readonly survey: RetentionSurvey;
  /** Listed backups that stay, oldest first. */
  readonly staying: readonly RetentionBackup[];
  readonly rules: RetentionRules;
  readonly now: Temporal.Instant;
}

/** Decides for one cluster of the stanza. */
export function archiveFloor(record: StanzaRecord, question: FloorQuestion): ArchiveFloor {
  const { survey, rules, now, staying } = question;
  const leaving = hiddenWithinGrace(question);
  const counted = staying
    .filter(({ type }) => countsForArchive(type, rules.archiveType))
    .filter(({ committedAt }) => isOlder(committedAt, now, rules.graceMs));
  const count = archiveCount(counted, question);
  if (count === undefined || counted.length < count) {
    const reason = count === undefined ? "no archive retention is met" : tooFew(count, counted);
    return { kind: "all", reason };
  }
  const ours = backupsOf(record, question);
  if (ours.length === 0) {
    const isCurrent = record.number === survey.records.at(-1)?.number;
    return isCurrent ? { kind: "all", reason: "there is no backup yet" } : { kind: "nothing" };
  }
  const floor = floorBackup(ofCluster(record, counted), counted.slice(-count), survey.unfinished);
  if (!floor) return { kind: "all", reason: "no backup is old enough to begin from" };
  const heldLabels = new Set(survey.holds.map(({ label }) => label));
  const isReplayed = (each: RetentionBackup): boolean =>
    compareLabels(each.label, floor.label) >= 0 ||
    heldLabels.has(each.label) ||
    leaving.includes(each);
  const replayed = ours.filter(isReplayed).filter((each) => each !== floor);
  return { kind: "from", replayed: [floor, ...replayed] };
}

/** The cluster's backups that WAL is kept for: those that stay, and those that a restore may be reading still. */
export function backupsOf(
  record: StanzaRecord,
  question: FloorQuestion,
): readonly RetentionBackup[] {
  return ofCluster(record, [...question.staying, ...hiddenWithinGrace(question)]);
}

function ofCluster(
  { systemIdentifier, majorVersion }: StanzaRecord,
  backups: readonly RetentionBackup[],
): readonly RetentionBackup[] {
  return backups.filter(
    (each) => each.systemIdentifier === systemIdentifier && each.majorVersion === majorVersion,
  );
}

/** Hidden backups that a restore may be reading still. */
export function hiddenWithinGrace({
  survey,
  rules,
  now,
}: Pick<FloorQuestion, "survey" | "rules" | "now">): readonly RetentionBackup[] {
  return survey.hidden.flatMap(({ since, backup }) =>
    backup && !(since && isOlder(since, now, rules.graceMs)) ? [backup] : [],
  );
}

/** Whether something of that instant is past a grace period. */
export function isOlder(
  instant: Temporal.Instant,
  now: Temporal.Instant,
  graceMs: number,
): boolean {
  return Temporal.Instant.compare(instant.add({ milliseconds: graceMs }), now) <= 0;
}

/** How many backups' WAL is kept: what is configured, else what follows from the retention of backups. */
function archiveCount(
  counted: readonly RetentionBackup[],
  { rules, now }: FloorQuestion,
): number | undefined {
  if (rules.archive !== undefined) return rules.archive;
  if (rules.archiveType === "diff") return rules.diff;
  if (rules.archiveType === "incr" || rules.full === undefined) return undefined;
  if (rules.fullType === "count") return rules.full;
  const begin = retentionBegin(rules.full, now);
  const place = counted.findLastIndex(
    ({ stopTime }) => Temporal.Instant.compare(stopTime, begin) < 0,
  );
  return place < 0 ? undefined : counted.length - place;
}

function tooFew(count: number, counted: readonly RetentionBackup[]): string {
  return `archive retention begins with ${count} backups that are old enough, and there ${counted.length === 1 ? "is 1" : `are ${counted.length}`}`;
}

/**
 * The oldest of the cluster's retained backups, else its newest; but an older one while an unfinished backup may need
 * WAL from before: it began when the floor was not complete yet.
 */
function floorBackup(
  ours: readonly RetentionBackup[],
  retained: readonly RetentionBackup[],
  unfinished: readonly UnfinishedBackup[],
): RetentionBackup | undefined {
  const wanted = ours.find((each) => retained.includes(each)) ?? ours.at(-1);
  if (!wanted) return undefined;
  return ours.findLast(
    (each) =>
      compareLabels(each.label, wanted.label) <= 0 &&
      unfinished.every(({ startedAt }) => Temporal.Instant.compare(each.stopTime, startedAt) <= 0),
  );
}
