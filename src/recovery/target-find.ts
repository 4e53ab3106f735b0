// Which backup recovery begins from and at which record it stops: recovery is played through from the newest backup that
// can lead to the target, then from older ones, until one stops at or after the backup's end. What that means for whoever
// asked: target.ts. Why a target cannot be reached: target-refusal.ts.
import type { Context } from "../base/context.ts";
import type { Lsn } from "../model/lsn.ts";
import type { RecoveryTarget } from "../model/recovery-target.ts";
import type { ManifestHeader } from "../repository/manifest.ts";
import type { TargetQuestion } from "../restore/choose-backup.ts";
import { refuseCut } from "./target-gap.ts";
import {
  afterEndOfArchive,
  archiveEndsInBackup,
  beforeOldestBackup,
  type RefusedTarget,
  targetNotFound,
  transactionRolledBack,
} from "./target-refusal.ts";
import { playThrough, type ReplayCut, type ReplayEnd, type ReplayStop } from "./target-replay.ts";
import { type Replayed, shortXid } from "./target-replayed.ts";
import type { ScanProgress } from "./target-scan.ts";

/** What is asked. */
export interface ResolveQuestion extends TargetQuestion {
  readonly onProgress?: ((progress: ScanProgress) => void) | undefined;
}

/** The place where recovery stops, and the backup it begins from. */
export interface Found {
  readonly backup: ManifestHeader;
  readonly stopLsn: Lsn;
  /** The end of the record that decides: PostgreSQL must have read it. */
  readonly neededEnd: Lsn;
  readonly isApplied: boolean;
  readonly replayed: Replayed;
}

/** @throws {HindsightError} what resolveTarget throws. */
export function findStop(question: ResolveQuestion, context: Context): Promise<Found> {
  const { target } = question;
  switch (target.kind) {
    case "default":
    case "immediate":
      return findEnd(question, target.kind, context);
    case "time":
    case "lsn":
      return findPosition(question, context);
    case "xid":
    case "name":
      return findRecord(question, context);
  }
}

/** The end of the archive, or of the newest backup. */
async function findEnd(
  question: ResolveQuestion,
  kind: "default" | "immediate",
  context: Context,
): Promise<Found> {
  const backup = newest(question.candidates);
  const until = kind === "immediate" ? backup.stopLsn : undefined;
  const replay = await playThrough({ ...question, backup, until }, context);
  if (replay.kind === "stopped") throw new TypeError(`a target of kind ${kind} stops nowhere`);
  if (replay.kind === "cut") {
    throw await refuseCut(about(question), { question, backup, cut: replay }, context);
  }
  requireConsistent(backup, replay);
  const { end, replayed } = replay;
  return kind === "default" && end?.lastRecord !== undefined
    ? { backup, stopLsn: end.lastRecord, neededEnd: end.lsn, isApplied: true, replayed }
    : { backup, stopLsn: backup.stopLsn, neededEnd: backup.stopLsn, isApplied: false, replayed };
}

/** A place on the way: any backup that began before it leads there, if recovery does not stop before its end. */
async function findPosition(question: ResolveQuestion, context: Context): Promise<Found> {
  const { target, candidates } = question;
  const earlier = candidates.filter((backup) => beginsBefore(backup, target));
  let tooEarly: ReplayStop | undefined;
  for (const backup of earlier.toReversed()) {
    const replay = await playThrough({ ...question, backup }, context);
    if (replay.kind === "cut") {
      throw await refuseCut(about(question), { question, backup, cut: replay }, context);
    }
    if (replay.kind === "ended") {
      requireConsistent(backup, replay);
      throw afterEndOfArchive(about(question), replay, oldest(candidates));
    }
    if (replay.event.lsn >= backup.stopLsn) return foundAt(backup, replay);
    tooEarly = replay;
  }
  throw beforeOldestBackup(about(question), oldest(candidates), tooEarly);
}

/**
 * Whether a backup can lead to a target at all. Recovery from a backup that began after the instant would stop too, at
 * its first transaction, but with everything that was committed in between.
 */
function beginsBefore(backup: ManifestHeader, target: RecoveryTarget): boolean {
  if (target.kind === "lsn") return backup.stopLsn <= target.lsn;
  if (target.kind !== "time") return true;
  return Temporal.Instant.compare(backup.startTime, target.time.instant) <= 0;
}

/**
 * A certain record, which may be anywhere: looked for behind the newest backup, then between it and the one before, and
 * so on, so that nothing is read twice.
 */
async function findRecord(question: ResolveQuestion, context: Context): Promise<Found> {
  const { candidates } = question;
  let until: Lsn | undefined;
  let tooEarly: ReplayStop | undefined;
  let kin: Replayed | undefined;
  // The record may lie before the damage, where an older backup leads to it.
  let unread: { readonly backup: ManifestHeader; readonly cut: ReplayCut } | undefined;
  for (const backup of candidates.toReversed()) {
    const replay = await playThrough({ ...question, backup, until }, context);
    until = backup.startLsn;
    if (replay.kind === "cut") {
      unread ??= { backup, cut: replay };
    } else if (replay.kind === "stopped") {
      requireCommitted(question, replay);
      if (replay.event.lsn >= backup.stopLsn) return foundAt(backup, replay);
      tooEarly = replay;
      until = replay.event.endLsn;
    } else if (hasKin(question.target, replay.replayed)) {
      kin ??= replay.replayed;
    }
  }
  if (tooEarly) throw beforeOldestBackup(about(question), oldest(candidates), tooEarly);
  if (unread && !kin) throw await refuseCut(about(question), { question, ...unread }, context);
  throw targetNotFound(about(question), oldest(candidates), kin);
}

/** Whether something was met that is nearly what is looked for. */
function hasKin(target: RecoveryTarget, { parent, namesake, prepared }: Replayed): boolean {
  if (target.kind !== "xid") return false;
  return parent !== undefined || namesake !== undefined || prepared.has(shortXid(target.xid));
}

function foundAt(backup: ManifestHeader, { event, isApplied, replayed }: ReplayStop): Found {
  return { backup, stopLsn: event.lsn, neededEnd: event.endLsn, isApplied, replayed };
}

function requireCommitted(question: ResolveQuestion, { event, replayed }: ReplayStop): void {
  if (event.kind === "transactionEnd" && event.transaction.kind === "abort") {
    throw transactionRolledBack(about(question), event, replayed);
  }
}

function requireConsistent(backup: ManifestHeader, { end }: ReplayEnd): void {
  if (end && end.lsn < backup.stopLsn) throw archiveEndsInBackup(backup, end.lsn);
}

/** What a refusal is about, and what every text about a target needs. */
export function about({ target, candidates, history }: TargetQuestion): RefusedTarget {
  return { target, history, timeZone: newest(candidates).settings["TimeZone"] ?? "UTC" };
}

function oldest(candidates: readonly ManifestHeader[]): ManifestHeader {
  const [first] = candidates;
  if (!first) throw new RangeError("a target cannot be resolved without a backup");
  return first;
}

function newest(candidates: readonly ManifestHeader[]): ManifestHeader {
  return candidates.at(-1) ?? oldest(candidates);
}
