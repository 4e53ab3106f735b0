// Reads from the repository what the choice of timeline and backup is made of: headers of complete backups, and the
// histories of timelines.
import type { Context } from "../base/context.ts";
import type { BackupLabel } from "../model/backup-label.ts";
import { failure } from "../model/failure.ts";
import type { TimelineChoice } from "../model/recovery-target.ts";
import { timeline, type TimelineHistory } from "../model/timeline.ts";
import { listBackupHeaders } from "../repository/backup-headers.ts";
import { listBackups } from "../repository/backup-set.ts";
import { type ManifestHeader, readManifestHeader } from "../repository/manifest.ts";
import { listHistories, readHistory, type WalArchive } from "../repository/wal-archive.ts";
import { chooseTimeline, type TimelinePlan } from "./choose-timeline.ts";

/** The pinned timeline, and the backups that a restore along it can begin with. */
export type Candidates = TimelinePlan<ManifestHeader>;

/**
 * The pinned timeline and the backups on its path.
 *
 * @param set the backup that the user named.
 * @throws {HindsightError} `BACKUP_NONE`, `BACKUP_UNKNOWN`, `CLUSTER_MISMATCH`, `TIMELINE_UNREACHABLE`.
 */
export async function backupCandidates(
  archive: WalArchive,
  { choice, set }: { readonly choice: TimelineChoice; readonly set: BackupLabel | undefined },
  context: Context,
): Promise<Candidates> {
  const { repository, stanza } = archive;
  const headers =
    set === undefined
      ? await listBackupHeaders(repository, stanza, context)
      : [await readNamed(archive, set, context)];
  if (headers.length === 0) {
    throw failure("BACKUP_NONE", `stanza "${stanza}" has no complete backup`, {
      hint: "Take one with `hindsight backup --type=full`.",
    });
  }
  const backups = headers.filter((header) => isOfCluster(header, archive));
  if (backups.length === 0) throw otherCluster(archive, set);
  const histories = await readHistories(archive, context);
  return chooseTimeline({
    choice,
    histories,
    backups,
    set: set === undefined ? undefined : backups[0],
  });
}

async function readNamed(
  { repository, stanza }: WalArchive,
  set: BackupLabel,
  context: Context,
): Promise<ManifestHeader> {
  const labels = await listBackups(repository, stanza, context);
  if (labels.includes(set)) return await readManifestHeader(repository, stanza, set, context);
  throw failure("BACKUP_UNKNOWN", `there is no complete backup ${set}`, {
    hint: `The newest one is ${labels.at(-1) ?? "still to be taken"}; \`hindsight info\` lists them all.`,
  });
}

function isOfCluster(header: ManifestHeader, { record }: WalArchive): boolean {
  return (
    header.systemIdentifier === record.systemIdentifier &&
    header.majorVersion === record.majorVersion
  );
}

function otherCluster({ stanza, record }: WalArchive, set: BackupLabel | undefined): Error {
  const subject = set === undefined ? "every backup is" : `backup ${set} is`;
  return failure(
    "CLUSTER_MISMATCH",
    `${subject} of another cluster or version than stanza "${stanza}" has now`,
    {
      hint: "Take a backup with `hindsight backup --type=full`.",
      context: { systemIdentifier: record.systemIdentifier, majorVersion: record.majorVersion },
    },
  );
}

/** Every timeline that the archive knows. The first one has no history file. */
async function readHistories(
  archive: WalArchive,
  context: Context,
): Promise<readonly TimelineHistory[]> {
  const histories: TimelineHistory[] = [{ timeline: timeline(1), ancestors: [] }];
  for (const id of await listHistories(archive, context)) {
    const history = await readHistory(archive, id, context);
    if (history && id !== 1) histories.push(history);
  }
  return histories;
}
