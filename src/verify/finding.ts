// What a verification finds, as data. That something is wrong ends no verification; that the store does not answer does.
import { type HindsightError } from "../base/errors.ts";
import type { BackupLabel } from "../model/backup-label.ts";
import { isFailure } from "../model/failure.ts";
import type { ObjectKey } from "../storage/object-store.ts";

/**
 * - `damaged`: the object is not what was written.
 * - `missing`: it is needed and not there.
 * - `newer`: a newer release wrote it; this one cannot tell.
 */
export type FindingKind = "damaged" | "missing" | "newer";

/** Something that is wrong with one object. */
export interface Finding {
  readonly kind: FindingKind;
  /** Undefined when the error does not name one. */
  readonly key: ObjectKey | undefined;
  /** A clause: what is wrong. */
  readonly detail: string;
  /** Backups that cannot be restored because of it, oldest first. */
  readonly backups: readonly BackupLabel[];
}

/** Collects findings. */
export class Findings {
  readonly list: Finding[] = [];

  /**
   * Runs a check; what it throws because of what is stored becomes a finding.
   *
   * @returns undefined when there was a finding.
   * @throws everything else, such as that the store does not answer.
   */
  async collect<Result>(
    { key, backups = [] }: { readonly key?: ObjectKey; readonly backups?: readonly BackupLabel[] },
    check: () => Promise<Result>,
  ): Promise<Result | undefined> {
    try {
      return await check();
    } catch (error) {
      if (!isDamage(error)) throw error;
      const named = error.context["key"];
      this.list.push({
        kind: kindOf(error),
        key: typeof named === "string" ? named : key,
        detail: error.message,
        backups,
      });
      return undefined;
    }
  }
}

function kindOf(error: HindsightError): FindingKind {
  if (isFailure(error, "OBJECT_MISSING")) return "missing";
  return isFailure(error, "REPOSITORY_FORMAT_UNKNOWN") ? "newer" : "damaged";
}

function isDamage(error: unknown): error is HindsightError {
  return isFailure(
    error,
    "OBJECT_CORRUPT",
    "OBJECT_MISSING",
    "REPOSITORY_FORMAT_UNKNOWN",
    "HISTORY_INVALID",
    "WAL_SEGMENT_INVALID",
    "WAL_SEGMENT_FOREIGN",
  );
}
