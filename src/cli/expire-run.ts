// Expiring in every repository that a command works on: for `expire` itself, and after a backup. Each repository has its
// own retention; that one fails keeps no other from being expired.
import type { Context } from "../base/context.ts";
import { HindsightError } from "../base/errors.ts";
import type { Settings } from "../config/settings.ts";
import { type BackupLabel, isBackupLabel, parseBackupLabel } from "../model/backup-label.ts";
import { failure } from "../model/failure.ts";
import { parseSegmentName } from "../model/wal-segment.ts";
import { readRecoveryWindows, type RecoveryWindows } from "../recovery/window.ts";
import { listBackupHeaders } from "../repository/backup-headers.ts";
import { listBackups } from "../repository/backup-set.ts";
import type { WalArchive } from "../repository/wal-archive.ts";
import { type ExpireResult, performExpire, previewExpire } from "../retention/perform.ts";
import { type ExpirePlan, planExpire } from "../retention/plan.ts";
import type { ExpireRequest, RetentionRules } from "../retention/rules.ts";
import { isGoingKey } from "../retention/sweep-wal.ts";
import { hiding } from "../storage/hiding.ts";
import { resolveLabel } from "./catalogue.ts";
import { type EachRepository, inEachRepository } from "./each-repository.ts";
import type { Invocation } from "./invocation.ts";

/** What can be recovered before and after. */
export interface WindowChange {
  readonly before: RecoveryWindows;
  readonly after: RecoveryWindows;
  /** The cluster's, as its newest backup recorded it. */
  readonly timeZone: string;
}

/** What came of one repository. */
export interface RepositoryExpiry {
  readonly result: ExpireResult;
  /** What goes later, when grace is over; only of a dry run. */
  readonly later: ExpireResult | undefined;
  readonly windows: WindowChange | undefined;
}

/** The backup that `--set` or `--oldest` names; undefined for retention by rules. */
export type NamedBackup = { readonly text: string } | "oldest" | undefined;

/** Expires, or with `isDryRun` only tells. A backup that only some repositories have is expired there. */
export function expireRepositories(
  settings: Settings,
  { named, isDryRun }: { readonly named: NamedBackup; readonly isDryRun: boolean },
  context: Context,
): Promise<EachRepository<RepositoryExpiry>> {
  const work = async (archive: WalArchive, number: number): Promise<RepositoryExpiry> => {
    warnWithoutRetention(settings, number, context);
    const request = await expireRequest(settings, { number, named, archive }, context);
    if (isDryRun) return preview(archive, request, context);
    const result = await performExpire(archive, request, context);
    logResult(result, number, context);
    return { result, later: undefined, windows: undefined };
  };
  const elsewhere = named === undefined ? undefined : "BACKUP_UNKNOWN";
  return inEachRepository(settings, { work, elsewhere }, context);
}

async function preview(
  archive: WalArchive,
  request: ExpireRequest,
  context: Context,
): Promise<RepositoryExpiry> {
  const plan = await planExpire(archive, request, { context });
  return {
    result: await previewExpire(archive, { plan, sweep: plan.sweep }, context),
    later: await previewExpire(archive, { plan, sweep: plan.finalSweep }, context),
    windows: await windowChange(archive, plan, context),
  };
}

async function expireRequest(
  settings: Settings,
  {
    number,
    named,
    archive,
  }: { readonly number: number; readonly named: NamedBackup; readonly archive: WalArchive },
  context: Context,
): Promise<ExpireRequest> {
  const archiveBefore = settings.get("archive-expire-before");
  if (archiveBefore !== undefined) parseSegmentName(archiveBefore, archive.record.segmentSizeBytes);
  return {
    rules: retentionRules(settings, number),
    named: named === undefined ? [] : [await namedLabel(named, archive, context)],
    force: settings.get("force"),
    archiveBefore,
  };
}

/** The retention of one repository. */
export function retentionRules(settings: Settings, number: number): RetentionRules {
  return {
    full: settings.get("repo-retention-full", number),
    fullType: settings.get("repo-retention-full-type", number),
    diff: settings.get("repo-retention-diff", number),
    archive: settings.get("repo-retention-archive", number),
    archiveType: settings.get("repo-retention-archive-type", number),
    graceMs: settings.get("expire-grace"),
  };
}

async function namedLabel(
  named: NonNullable<NamedBackup>,
  archive: WalArchive,
  context: Context,
): Promise<BackupLabel> {
  // A label is taken as it is: also one whose backup is too damaged to be listed can be given up.
  if (named !== "oldest" && isBackupLabel(named.text)) return parseBackupLabel(named.text);
  if (named !== "oldest") return resolveLabel(named.text, archive, context);
  const labels = await listBackups(archive.repository, archive.stanza, context);
  const oldest = labels.find((label) => label.endsWith("F"));
  if (oldest !== undefined) return oldest;
  throw failure("BACKUP_UNKNOWN", `stanza ${archive.stanza} has no complete full backup`, {
    hint: "`hindsight list-backups` lists what there is.",
  });
}

function warnWithoutRetention(settings: Settings, number: number, { log }: Context): void {
  if (settings.get("repo-retention-full", number) !== undefined) return;
  log.warn(
    `option 'repo${number}-retention-full' is not set for 'repo${number}-retention-full-type=${settings.get("repo-retention-full-type", number)}', the repository may run out of space`,
  );
}

/** Asks for the windows as they are, and as they are without what goes in the end. */
async function windowChange(
  archive: WalArchive,
  { choice, finalSweep }: ExpirePlan,
  context: Context,
): Promise<WindowChange> {
  const { repository, stanza } = archive;
  const backups = await listBackupHeaders(repository, stanza, context);
  const going = new Set(choice.going.map(({ label }) => label));
  const store = hiding(repository.store, (key) =>
    finalSweep.archives.some((sweep) => isGoingKey(sweep, key)),
  );
  const rest = { ...archive, repository: { ...repository, store } };
  const staying = backups.filter(({ label }) => !going.has(label));
  return {
    before: await readRecoveryWindows({ archive, backups }, context),
    after: await readRecoveryWindows({ archive: rest, backups: staying }, context),
    timeZone: backups.at(-1)?.settings["TimeZone"] ?? "UTC",
  };
}

/** In pgBackRest's words, which scripts look for. */
function logResult(result: ExpireResult, number: number, { log }: Context): void {
  for (const { label, reason } of result.hidden) {
    log.info(`repo${number}: expire backup ${label}`, { reason });
  }
  for (const { label, reason } of result.spared) {
    log.warn(`repo${number}: backup ${label} is kept beyond its retention`, { reason });
  }
  for (const { label, reason } of result.shown) {
    log.warn(`repo${number}: backup ${label} is listed again`, { reason });
  }
  for (const { label, reason } of result.revoked) {
    log.warn(`repo${number}: unfinished backup ${label} was given up`, { reason });
  }
  for (const label of result.deleted.backups) {
    log.info(`repo${number}: remove expired backup ${label}`);
  }
  for (const [id, { runs }] of result.deleted.wal) {
    for (const { first, last } of runs) {
      log.info(`repo${number}: ${id} remove archive, start = ${first}, stop = ${last}`);
    }
  }
}

/**
 * Expires when a backup is complete, unless `expire-auto=n`.
 *
 * @throws {HindsightError} why expiring failed, saying that the backup is complete: as with pgBackRest, the command then
 *   ends with that error's status.
 */
export async function expireAfterBackup(
  { settings, context }: Pick<Invocation, "settings" | "context">,
  label: BackupLabel,
): Promise<void> {
  if (!settings.get("expire-auto")) return;
  const options = { named: undefined, isDryRun: false };
  const [problem] = (await expireRepositories(settings, options, context)).problems;
  if (!problem) return;
  const { code, exitCode, message, hint = "" } = problem;
  throw new HindsightError(code, exitCode, `expiring after the backup failed: ${message}`, {
    hint: `Backup ${label} is complete. ${hint}`.trimEnd(),
    context: problem.context,
    cause: problem,
  });
}
