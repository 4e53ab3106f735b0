// Everything that expire decides by, read in one go: which backups there are, in which state, who holds or needs them. It
// reads every manifest to its end; what cannot be read is part of the survey, and then nothing is deleted.
import type { Context } from "../base/context.ts";
import type { HindsightError } from "../base/errors.ts";
import type { BackupLabel, BackupType } from "../model/backup-label.ts";
import { failure, isFailure } from "../model/failure.ts";
import type { Lsn } from "../model/lsn.ts";
import type { StanzaName } from "../model/stanza.ts";
import type { SystemIdentifier } from "../model/system-identifier.ts";
import type { Timeline } from "../model/timeline.ts";
import { readTombstone } from "../repository/backup-removal.ts";
import {
  type BackupIntent,
  compareLabels,
  readBackupSet,
  readIntent,
  readOutcome,
} from "../repository/backup-set.ts";
import { type Hold, listHolds } from "../repository/hold.ts";
import { type ManifestHeader, readManifestHeader } from "../repository/manifest.ts";
import type { Repository } from "../repository/repository.ts";
import { listStanzaRecords, type StanzaRecord } from "../repository/stanza.ts";

/** A place to expire in. */
export interface RetentionPlace {
  readonly repository: Repository;
  readonly stanza: StanzaName;
}

/** What retention knows of a backup. */
export interface RetentionBackup {
  readonly label: BackupLabel;
  readonly type: BackupType;
  readonly prior: BackupLabel | undefined;
  readonly systemIdentifier: SystemIdentifier;
  readonly majorVersion: number;
  readonly timeline: Timeline;
  readonly startLsn: Lsn;
  readonly stopLsn: Lsn;
  readonly stopTime: Temporal.Instant;
  /** WAL needed to be consistent, both inclusive. */
  readonly firstSegment: string;
  readonly lastSegment: string;
  readonly hasPageErrors: boolean;
  /** When its outcome was decided. */
  readonly committedAt: Temporal.Instant;
  /** The packs it names, as {@link packName}. */
  readonly packs: readonly string[];
}

/** A backup with a tombstone. */
export interface HiddenBackup {
  readonly label: BackupLabel;
  /** Undefined when its tombstone cannot be read: nobody knows since when. */
  readonly since: Temporal.Instant | undefined;
  /** Undefined when its manifest is gone already or cannot be read: no restore can be reading it. */
  readonly backup: RetentionBackup | undefined;
}

/** A backup without outcome. */
export interface UnfinishedBackup {
  readonly label: BackupLabel;
  readonly prior: BackupLabel | undefined;
  readonly host: string;
  readonly startedAt: Temporal.Instant;
}

/** Something of a backup that cannot be read, so that nobody knows what it needs. */
export interface DamagedLabel {
  readonly label: BackupLabel;
  readonly error: HindsightError;
}

/** Lists are sorted by the time in the label, oldest first. */
export interface RetentionSurvey {
  /** Oldest first; the last one is the current cluster. */
  readonly records: readonly StanzaRecord[];
  readonly backups: readonly RetentionBackup[];
  readonly hidden: readonly HiddenBackup[];
  readonly unfinished: readonly UnfinishedBackup[];
  readonly revoked: readonly { readonly label: BackupLabel; readonly since: Temporal.Instant }[];
  readonly damaged: readonly DamagedLabel[];
  readonly holds: readonly Hold[];
}

/** Manifests read before in this run: they never change. Names of packs, of which many are named often, are kept once. */
export class ManifestMemory {
  readonly backups: Map<BackupLabel, RetentionBackup> = new Map();
  readonly #names: Map<string, string> = new Map();

  /** The same text, as the one copy of it. */
  intern(text: string): string {
    const known = this.#names.get(text);
    if (known !== undefined) return known;
    this.#names.set(text, text);
    return text;
  }
}

/** A pack as a text that sorts and compares. */
export function packName(label: BackupLabel, number: number): string {
  return `${label}/${number}`;
}

/**
 * Surveys a stanza.
 *
 * @throws {HindsightError} what the store throws, `STANZA_UNKNOWN`, and damage of the stanza's own records.
 */
export async function surveyRetention(
  place: RetentionPlace,
  memory: ManifestMemory,
  context: Context,
): Promise<RetentionSurvey> {
  const { repository, stanza } = place;
  const set = await readBackupSet(repository, stanza, context);
  const damaged: DamagedLabel[] = [...set.damaged];
  const backups: RetentionBackup[] = [];
  for (const label of set.committed) {
    const backup = await orDamaged(label, damaged, () =>
      readBackup(place, { label, memory }, context),
    );
    if (backup) backups.push(backup);
  }
  const hidden: HiddenBackup[] = [];
  for (const label of set.removed) hidden.push(await readHidden(place, { label, memory }, context));
  const unfinished: UnfinishedBackup[] = [];
  for (const label of set.unfinished) {
    const intent = await orDamaged(label, damaged, () => requireIntent(place, label, context));
    if (intent) unfinished.push({ label, ...intent });
  }
  const revoked: { label: BackupLabel; since: Temporal.Instant }[] = [];
  for (const label of set.revoked) {
    const outcome = await orDamaged(label, damaged, () =>
      readOutcome(repository, stanza, label, context),
    );
    if (outcome) revoked.push({ label, since: outcome.decidedAt });
  }
  return {
    records: await listStanzaRecords(repository, stanza, context),
    backups,
    hidden,
    unfinished,
    revoked,
    damaged: damaged.toSorted((left, right) => compareLabels(left.label, right.label)),
    holds: await listHolds(repository, stanza, context),
  };
}

/** Without its intent nobody knows what an unfinished backup builds on. */
async function requireIntent(
  { repository, stanza }: RetentionPlace,
  label: BackupLabel,
  context: Context,
): Promise<BackupIntent> {
  const intent = await readIntent(repository, stanza, label, context);
  if (intent) return intent;
  throw failure("OBJECT_MISSING", `the intent of the unfinished backup ${label} is not there`);
}

async function orDamaged<Result>(
  label: BackupLabel,
  damaged: DamagedLabel[],
  read: () => Promise<Result>,
): Promise<Result | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!isUnreadable(error)) throw error;
    damaged.push({ label, error });
    return undefined;
  }
}

/** Whether reading failed because of what is stored, not because the store did not answer. */
function isUnreadable(error: unknown): error is HindsightError {
  return isFailure(
    error,
    "OBJECT_CORRUPT",
    "OBJECT_MISSING",
    "REPOSITORY_FORMAT_UNKNOWN",
    "BACKUP_UNKNOWN",
  );
}

interface LabelRequest {
  readonly label: BackupLabel;
  readonly memory: ManifestMemory;
}

async function readBackup(
  { repository, stanza }: RetentionPlace,
  { label, memory }: LabelRequest,
  context: Context,
): Promise<RetentionBackup> {
  const known = memory.backups.get(label);
  if (known) return known;
  const header = await readManifestHeader(repository, stanza, label, context);
  const outcome = await readOutcome(repository, stanza, label, context);
  const packs = header.packs.map((pack) => memory.intern(packName(pack.label, pack.number)));
  const backup = describe(header, packs, outcome?.decidedAt ?? header.stopTime);
  memory.backups.set(label, backup);
  return backup;
}

function describe(
  facts: ManifestHeader,
  packs: readonly string[],
  committedAt: Temporal.Instant,
): RetentionBackup {
  return {
    label: facts.label,
    type: facts.type,
    prior: facts.prior,
    systemIdentifier: facts.systemIdentifier,
    majorVersion: facts.majorVersion,
    timeline: facts.timeline,
    startLsn: facts.startLsn,
    stopLsn: facts.stopLsn,
    stopTime: facts.stopTime,
    firstSegment: facts.firstSegment,
    lastSegment: facts.lastSegment,
    hasPageErrors: facts.pageErrors.length > 0,
    committedAt,
    packs,
  };
}

async function readHidden(
  place: RetentionPlace,
  request: LabelRequest,
  context: Context,
): Promise<HiddenBackup> {
  const { repository, stanza } = place;
  const { label } = request;
  const unread: DamagedLabel[] = [];
  const tombstone = await orDamaged(label, unread, () =>
    readTombstone(repository, stanza, label, context),
  );
  const backup = await orDamaged(label, unread, () => readBackup(place, request, context));
  for (const { error } of unread) {
    context.log.detail("something of a removed backup cannot be read", {
      label,
      reason: error.message,
    });
  }
  return { label, since: tombstone?.createdAt, backup };
}
