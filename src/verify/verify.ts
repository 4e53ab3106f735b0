// Verifies what a stanza's part of a repository holds: every backup's manifest, every pack that one names, every file of
// the WAL archive, every catalogue. Reads only. What is wrong is told as findings, with the backups that it costs.
//
// Order: manifests' headers, which say what must be there; packs, whose directories say what manifests may point to; then
// the manifests' files; then WAL and catalogues.
import type { Context } from "../base/context.ts";
import { WorkerPool } from "../base/worker-pool.ts";
import type { BackupLabel } from "../model/backup-label.ts";
import type { StanzaName } from "../model/stanza.ts";
import { readBackupSet } from "../repository/backup-set.ts";
import { listCatalogues, readCatalogue } from "../repository/catalogue.ts";
import { checkFact } from "../repository/fact.ts";
import { catalogueKey, factPrefixes } from "../repository/keys.ts";
import { type ManifestHeader, readManifestHeader } from "../repository/manifest.ts";
import type { PackEntry } from "../repository/pack-format.ts";
import type { PackedBlob } from "../repository/packed-blob.ts";
import type { Repository } from "../repository/repository.ts";
import { listStanzaRecords } from "../repository/stanza.ts";
import { listAll } from "../storage/object-store.ts";
import { type ArchiveCount, type ArchivedBackup, checkArchive } from "./check-archive.ts";
import { checkManifest } from "./check-manifest.ts";
import { type BlobOffsets, openPack, type PackPlace, readWholePack } from "./check-pack.ts";
import { type Finding, Findings } from "./finding.ts";
import { packName } from "./pack-name.ts";

/** What to verify, and how thoroughly. */
export interface VerifyRequest {
  readonly repository: Repository;
  readonly stanza: StanzaName;
  /** Only this backup, its packs and the WAL that makes it consistent. */
  readonly label: BackupLabel | undefined;
  /** The share of packs and of the archive's files that is read whole, in [0, 1]; of the rest only what lists can tell. */
  readonly sampleShare: number;
  readonly threadCount: number;
}

/** How much was looked at. */
export interface VerifyCounts {
  readonly backups: number;
  readonly files: number;
  readonly packs: number;
  readonly packsRead: number;
  readonly packBytesRead: number;
  readonly archive: ArchiveCount;
  readonly catalogues: number;
  /** Intents, tombstones, holds, notes and the like. */
  readonly facts: number;
}

/** What came out. */
export interface Verification {
  readonly counts: VerifyCounts;
  readonly findings: readonly Finding[];
  /** Backups that were looked at and that no finding concerns, oldest first. */
  readonly sound: readonly BackupLabel[];
}

/**
 * Verifies.
 *
 * @throws {HindsightError} what the store throws, and what is wrong with the stanza's own record.
 */
export async function verifyStanza(
  request: VerifyRequest,
  context: Context,
): Promise<Verification> {
  const { repository, stanza, threadCount } = request;
  const findings = new Findings();
  await using pool = new WorkerPool<PackedBlob, number>(
    new URL("./verify-worker", import.meta.url),
    threadCount,
  );
  const place: PackPlace = { repository, stanza, pool };
  const { backups, packs } = await readBackups(request, findings, context);
  const packCheck = await checkPacks(place, { packs, request }, findings, context);
  const { known, ...packCounts } = packCheck;
  let files = 0;
  for (const { label } of backups) {
    const check = (): Promise<number> => checkManifest(place, { label, known }, context);
    files += (await findings.collect({ backups: [label] }, check)) ?? 0;
  }
  const archive = await checkArchives(request, backups, findings, context);
  const isWhole = request.label === undefined;
  const catalogues = isWhole ? await checkCatalogues(request, findings, context) : 0;
  const facts = isWhole ? await checkFacts(request, findings, context) : 0;
  const lost = new Set(findings.list.flatMap((each) => each.backups));
  return {
    counts: { backups: backups.length, files, ...packCounts, archive, catalogues, facts },
    findings: findings.list,
    sound: backups.map(({ label }) => label).filter((label) => !lost.has(label)),
  };
}

/** What is known of the backups once their headers were read; of their packs each is kept once. */
interface Catalogue {
  readonly backups: readonly ArchivedBackup[];
  /** Under name and content, so that manifests that contradict each other are noticed. */
  readonly packs: ReadonlyMap<string, UsedPack>;
}

interface UsedPack {
  readonly entry: PackEntry;
  readonly users: BackupLabel[];
}

async function readBackups(
  { repository, stanza, label: only }: VerifyRequest,
  findings: Findings,
  context: Context,
): Promise<Catalogue> {
  const set = await readBackupSet(repository, stanza, context);
  for (const { label, error } of set.damaged) {
    if (only !== undefined && only !== label) continue;
    await findings.collect({ backups: [label] }, () => Promise.reject(error));
  }
  const backups: ArchivedBackup[] = [];
  const packs = new Map<string, UsedPack>();
  for (const label of set.committed) {
    if (only !== undefined && only !== label) continue;
    await findings.collect({ backups: [label] }, async () => {
      const header = await readManifestHeader(repository, stanza, label, context);
      const { systemIdentifier, majorVersion, firstSegment, lastSegment } = header;
      backups.push({ label, systemIdentifier, majorVersion, firstSegment, lastSegment });
      addUser(packs, header);
    });
  }
  return { backups, packs };
}

function addUser(used: Map<string, UsedPack>, { label, packs }: ManifestHeader): void {
  for (const entry of packs) {
    const identity = `${packName(entry)} ${entry.sizeBytes} ${entry.sha256}`;
    const known = used.get(identity);
    if (known) known.users.push(label);
    else used.set(identity, { entry, users: [label] });
  }
}

async function checkPacks(
  place: PackPlace,
  { packs, request }: Pick<Catalogue, "packs"> & { readonly request: VerifyRequest },
  findings: Findings,
  context: Context,
): Promise<{
  readonly known: ReadonlyMap<string, BlobOffsets>;
  readonly packs: number;
  readonly packsRead: number;
  readonly packBytesRead: number;
}> {
  const known = new Map<string, BlobOffsets>();
  let packsRead = 0;
  let packBytesRead = 0;
  for (const { entry, users } of packs.values()) {
    await findings.collect({ backups: users }, async () => {
      const { pack, offsets } = await openPack(place, entry, context);
      known.set(packName(entry), offsets);
      if (!isSampled(request, context)) return;
      packsRead += 1;
      packBytesRead += entry.sizeBytes;
      await readWholePack(place, { entry, pack }, context);
    });
  }
  return { known, packs: packs.size, packsRead, packBytesRead };
}

async function checkFacts(
  { repository, stanza }: VerifyRequest,
  findings: Findings,
  context: Context,
): Promise<number> {
  let count = 0;
  for (const prefix of factPrefixes(stanza)) {
    for await (const { key } of listAll(repository.store, prefix, context)) {
      // Manifests are no facts, and outcomes were read to know which backups there are.
      if (/\/(?:manifest|outcome)$/.test(key)) continue;
      count += 1;
      await findings.collect({ key }, () => checkFact(repository, key, context));
    }
  }
  return count;
}

async function checkArchives(
  request: VerifyRequest,
  all: readonly ArchivedBackup[],
  findings: Findings,
  context: Context,
): Promise<ArchiveCount> {
  const { repository, stanza, label } = request;
  let sum: ArchiveCount = { listedCount: 0, readCount: 0, readBytes: 0 };
  for (const record of await listStanzaRecords(repository, stanza, context)) {
    const backups = all.filter(
      (each) =>
        each.systemIdentifier === record.systemIdentifier &&
        each.majorVersion === record.majorVersion,
    );
    const check = {
      archive: { repository, stanza, record },
      backups,
      isNarrow: label !== undefined,
      isRead: () => isSampled(request, context),
    };
    const count = await checkArchive(check, findings, context);
    sum = {
      listedCount: sum.listedCount + count.listedCount,
      readCount: sum.readCount + count.readCount,
      readBytes: sum.readBytes + count.readBytes,
    };
  }
  return sum;
}

async function checkCatalogues(
  { repository, stanza }: VerifyRequest,
  findings: Findings,
  context: Context,
): Promise<number> {
  const places = await listCatalogues(repository, stanza, context);
  for (const place of places) {
    const key = catalogueKey(stanza, place);
    await findings.collect({ key }, () => readCatalogue(repository, stanza, { place, context }));
  }
  return places.length;
}

function isSampled({ sampleShare }: VerifyRequest, { random }: Context): boolean {
  return sampleShare >= 1 || random.integer(0, 2 ** 32) < sampleShare * 2 ** 32;
}
