// Which backup an incremental or differential one builds on. A differential one builds on the last full backup, an
// incremental one on the last backup of any type; one that does not qualify is passed over, and the one before it is
// looked at. Whether a prior is being removed is asked only after the intent that names it was created (label.ts).
import type { Context } from "../base/context.ts";
import type { BackupLabel, BackupType } from "../model/backup-label.ts";
import { isFailure } from "../model/failure.ts";
import { formatLsn } from "../model/lsn.ts";
import { isOnPath, type TimelineHistory } from "../model/timeline.ts";
import type { ClusterFacts } from "../postgres/cluster-facts.ts";
import { listBackups } from "../repository/backup-set.ts";
import { type ManifestHeader, readManifestHeader } from "../repository/manifest.ts";
import { findMissingPack } from "../repository/pack-presence.ts";
import type { WalArchive } from "../repository/wal-archive.ts";

/** What a backup must fit to. */
export interface PriorGround {
  readonly archive: WalArchive;
  readonly facts: ClusterFacts;
  /** Of the timeline that the server writes on; undefined when it is not known: then nothing qualifies. */
  readonly history: TimelineHistory | undefined;
}

/**
 * The newest backup that one of that type can build on.
 *
 * @param passedOver labels that were found to be on their way out.
 * @returns undefined when there is none: then a full backup is due. Why each was passed over is in the log.
 * @throws {HindsightError} what the store throws.
 */
export async function choosePrior(
  type: Exclude<BackupType, "full">,
  ground: PriorGround,
  passedOver: ReadonlySet<BackupLabel>,
  context: Context,
): Promise<ManifestHeader | undefined> {
  const { repository, stanza } = ground.archive;
  const labels = await listBackups(repository, stanza, context);
  const candidates = labels.filter(
    (label) => !passedOver.has(label) && (type === "incr" || label.endsWith("F")),
  );
  for (const label of candidates.toReversed()) {
    const found = await lookAt(label, ground, context);
    if (typeof found !== "string") return found;
    context.log.warn("a backup cannot be built upon", { label, reason: found });
  }
  return undefined;
}

async function lookAt(
  label: BackupLabel,
  ground: PriorGround,
  context: Context,
): Promise<ManifestHeader | string> {
  const { repository, stanza } = ground.archive;
  try {
    const header = await readManifestHeader(repository, stanza, label, context);
    const fault = findPriorFault(header, ground);
    if (fault !== undefined) return fault;
    const missing = await findMissingPack(repository, stanza, header.packs, context);
    return missing === undefined ? header : missing;
  } catch (error) {
    const isItsOwn = isFailure(
      error,
      "OBJECT_CORRUPT",
      "OBJECT_MISSING",
      "BACKUP_UNKNOWN",
      "REPOSITORY_FORMAT_UNKNOWN",
    );
    if (!isItsOwn) throw error;
    return error.message;
  }
}

/** Why a backup of this cluster, as it is now, cannot build on that one; undefined when it can. */
export function findPriorFault(
  prior: ManifestHeader,
  { facts, history }: Pick<PriorGround, "facts" | "history">,
): string | undefined {
  if (
    prior.systemIdentifier !== facts.systemIdentifier ||
    prior.majorVersion !== facts.majorVersion ||
    prior.catalogVersion !== facts.catalogVersion
  ) {
    return "it is of another cluster or version";
  }
  if (prior.dataChecksums !== facts.dataChecksums) {
    return `data checksums were switched ${facts.dataChecksums ? "on" : "off"} since then`;
  }
  if (
    prior.blockSizeBytes !== facts.blockSizeBytes ||
    prior.relationSegmentBlocks !== facts.relationSegmentBlocks
  ) {
    return "its relation files have another form";
  }
  if (!history) return `the history of timeline ${facts.timeline} is not known`;
  if (isOnPath(history, prior.timeline, prior.stopLsn)) return undefined;
  return `it ended at ${formatLsn(prior.stopLsn)} of timeline ${prior.timeline}, which this server left before`;
}
