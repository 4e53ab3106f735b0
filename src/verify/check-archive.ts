// Whether the stored WAL of one cluster is what PostgreSQL archived, object by object. Whether it is all there is another
// question, which recovery windows answer.
import type { Context } from "../base/context.ts";
import type { BackupLabel } from "../model/backup-label.ts";
import { historyFileName } from "../model/timeline.ts";
import { type ArchiveObject, listArchiveObjects } from "../repository/archive-objects.ts";
import { corrupt } from "../repository/corrupt.ts";
import { checkFact } from "../repository/fact.ts";
import type { ManifestHeader } from "../repository/manifest.ts";
import { getWalFile, readHistory, type WalArchive } from "../repository/wal-archive.ts";
import { getWalIndex } from "../repository/wal-index.ts";
import { INDEX_BUILDER_VERSION } from "../wal/index-content.ts";
import { checkSegmentHeader } from "../wal/page.ts";
import type { Findings } from "./finding.ts";

/** What of a backup says which WAL it needs. */
export type ArchivedBackup = Pick<
  ManifestHeader,
  "label" | "systemIdentifier" | "majorVersion" | "firstSegment" | "lastSegment"
>;

/** What is looked at. */
export interface ArchiveCheck {
  readonly archive: WalArchive;
  /** Of this cluster: to say which of them needs a segment. */
  readonly backups: readonly ArchivedBackup[];
  /** Whether to read this object, or only to see that it is there. */
  readonly isRead: () => boolean;
  /** Only segments that these backups need to be consistent, and what belongs to them. */
  readonly isNarrow: boolean;
}

/** How much was looked at. */
export interface ArchiveCount {
  readonly listedCount: number;
  readonly readCount: number;
  readonly readBytes: number;
}

/** Checks one cluster's archive. */
export async function checkArchive(
  check: ArchiveCheck,
  findings: Findings,
  context: Context,
): Promise<ArchiveCount> {
  let listedCount = 0;
  let readCount = 0;
  let readBytes = 0;
  for await (const object of listArchiveObjects(check.archive, context)) {
    context.signal.throwIfAborted();
    const backups = needing(check, object);
    if (check.isNarrow && backups.length === 0) continue;
    listedCount += 1;
    if (!check.isRead()) continue;
    readCount += 1;
    readBytes += object.sizeBytes;
    await findings.collect({ key: object.key, backups }, () => readObject(check, object, context));
  }
  return { listedCount, readCount, readBytes };
}

/** Backups that are not consistent without this object. */
function needing({ backups }: ArchiveCheck, object: ArchiveObject): readonly BackupLabel[] {
  if (object.kind !== "segment") return [];
  return backups
    .filter(
      ({ firstSegment, lastSegment }) =>
        object.segment.slice(8) >= firstSegment.slice(8) &&
        object.segment.slice(8) <= lastSegment.slice(8) &&
        [firstSegment, lastSegment].some((name) => name.slice(0, 8) === object.segment.slice(0, 8)),
    )
    .map(({ label }) => label);
}

async function readObject(
  { archive }: ArchiveCheck,
  object: ArchiveObject,
  context: Context,
): Promise<void> {
  switch (object.kind) {
    case "segment": {
      const plain = await requireFile(archive, object.key, context);
      checkSegmentHeader(plain, { ...archive.record, name: object.segment });
      return;
    }
    case "partial":
    case "backup":
      await requireFile(archive, object.key, context);
      return;
    case "history": {
      const history = await readHistory(archive, object.timeline, context);
      if (!history) throw corrupt(object.key, `${historyFileName(object.timeline)} vanished`);
      return;
    }
    case "index":
      // Of another builder's version nobody knows what it should hold; nobody reads it either.
      if (!object.key.endsWith(`.index-${INDEX_BUILDER_VERSION}`)) return;
      await getWalIndex(archive, object.segment, context);
      return;
    case "gap":
      await checkFact(archive.repository, object.key, context);
      return;
    case "unknown":
      return;
  }
}

async function requireFile(archive: WalArchive, key: string, context: Context): Promise<Buffer> {
  const plain = await getWalFile(archive, key.slice(key.lastIndexOf("/") + 1), context);
  if (plain) return plain;
  throw corrupt(key, "it was listed but is not there");
}
