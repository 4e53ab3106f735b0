// Backup labels, in pgBackRest's form: the UTC second at which the backup began and a letter for its type; a
// differential or incremental one is prefixed by its full backup. Labels sort by time.
import { failure } from "./failure.ts";

declare const labelBrand: unique symbol;

/** `20261121-024000F`, `20261121-024000F_20261121-060000D` or `…I`. */
export type BackupLabel = string & { readonly [labelBrand]: true };

/** Full, differential, incremental: pgBackRest's words. */
export const BACKUP_TYPES = ["full", "diff", "incr"] as const;
export type BackupType = (typeof BACKUP_TYPES)[number];

const LETTERS: Readonly<Record<BackupType, string>> = { full: "F", diff: "D", incr: "I" };
const LABEL = /^\d{8}-\d{6}F(?:_\d{8}-\d{6}[DI])?$/;

/** @throws {HindsightError} `BACKUP_LABEL_INVALID` */
export function parseBackupLabel(text: string): BackupLabel {
  if (!LABEL.test(text)) {
    throw failure("BACKUP_LABEL_INVALID", `"${text}" is not a backup label`, {
      hint: "Labels look like 20261121-024000F; `hindsight info` lists them.",
    });
  }
  return text as BackupLabel;
}

/** Whether a text, such as a part of a key, has the form of a label. */
export function isBackupLabel(text: string): text is BackupLabel {
  return LABEL.test(text);
}

/**
 * The label of a backup that begins now.
 *
 * @param newest the newest label of the stanza, complete or not: the new label sorts after it even when the wall clock
 *   stepped back, by counting on from its second.
 * @param full the label of the full backup that a diff or incr builds on.
 */
export function nextBackupLabel(
  type: BackupType,
  now: Temporal.Instant,
  {
    newest,
    full,
  }: { readonly newest?: BackupLabel | undefined; readonly full?: BackupLabel | undefined } = {},
): BackupLabel {
  const floor = newest === undefined ? undefined : labelInstant(newest).add({ seconds: 1 });
  const instant = floor !== undefined && Temporal.Instant.compare(now, floor) < 0 ? floor : now;
  const text = stamp(instant) + LETTERS[type];
  return parseBackupLabel(full === undefined ? text : `${full.slice(0, 16)}_${text}`);
}

/** The UTC second that a label names as the beginning of its backup. */
export function labelInstant(label: BackupLabel): Temporal.Instant {
  const own = label.slice(-16);
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)/.exec(own) ?? [];
  return Temporal.Instant.from(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

function stamp(instant: Temporal.Instant): string {
  const text = instant.toString({ smallestUnit: "second" });
  return text.replace(/[-:Z]/g, "").replace("T", "-");
}
