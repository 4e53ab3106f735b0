// What retention is asked to keep, with pgBackRest's meanings. docs/retention.md explains them to users.
import type { BackupLabel, BackupType } from "../model/backup-label.ts";

/** The retention of one repository. What is undefined keeps everything. */
export interface RetentionRules {
  /** How many full backups, or of how many days. */
  readonly full: number | undefined;
  readonly fullType: "count" | "time";
  /** How many differential backups; full ones count as well. */
  readonly diff: number | undefined;
  /** From how many backups on WAL is kept without a gap. Undefined: what follows from the others. */
  readonly archive: number | undefined;
  /** Which backups `archive` counts: `diff` counts full ones too, `incr` all. */
  readonly archiveType: BackupType;
  /** How long what is hidden stays, for the restores that read it. */
  readonly graceMs: number;
}

/** One call of expire. */
export interface ExpireRequest {
  readonly rules: RetentionRules;
  /** Expire these, and what builds on them, instead of what the rules say. */
  readonly named: readonly BackupLabel[];
  /** Whether the last backup that can be restored may go when it is named. */
  readonly force: boolean;
  /** Expire WAL before this segment, although the rules would keep it; WAL that makes backups consistent stays. */
  readonly archiveBefore: string | undefined;
}

/** Whether archive retention counts backups of this type. */
export function countsForArchive(type: BackupType, archiveType: BackupType): boolean {
  if (archiveType === "incr") return true;
  return type === "full" || type === archiveType;
}

/** The instant before which `retention-full-type=time` needs nothing. */
export function retentionBegin(days: number, now: Temporal.Instant): Temporal.Instant {
  return now.subtract({ hours: 24 * days });
}
