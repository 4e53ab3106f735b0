// A stanza in memory with backups, packs and WAL for the tests of retention. Packs and segments are only names here, which
// is all that expire looks at; manifests, intents and outcomes are real. Days are those of November 2026.
import { type Context, createContext } from "../base/context.ts";
import { systemClock } from "../base/clock.ts";
import { seededRandom } from "../base/random.ts";
import { type BackupLabel, type BackupType, parseBackupLabel } from "../model/backup-label.ts";
import { lsn } from "../model/lsn.ts";
import { type Timeline, timeline } from "../model/timeline.ts";
import { formatSegmentName, segmentBegin } from "../model/wal-segment.ts";
import { commitBackup, createIntent } from "../repository/backup-set.ts";
import { writeManifest } from "../repository/manifest.ts";
import { directory, HASH, HEADER, NONE } from "../repository/manifest.fixture.ts";
import { CLUSTER, STANZA } from "../repository/repository.fixture.ts";
import { createRepository, type Repository } from "../repository/repository.ts";
import { type ClusterIdentity, createStanza } from "../repository/stanza.ts";
// oxlint-disable-next-line no-restricted-imports -- only tests use this file
import { createMemoryStore, type MemoryStore } from "../storage/memory.ts";
import type { ObjectStore } from "../storage/object-store.ts";
import { type ExpireResult, performExpire } from "./perform.ts";
import type { ExpireRequest, RetentionRules } from "./rules.ts";

/** Keeps everything, and waits for nobody. */
export const NO_RULES: RetentionRules = {
  full: undefined,
  fullType: "count",
  diff: undefined,
  archive: undefined,
  archiveType: "full",
  graceMs: 0,
};

export const DAY_MS: number = 86_400_000;

/** A backup to put there. */
export interface SiteBackup {
  /** Numbers of the first and the last segment that it needs. */
  readonly wal: readonly [number, number];
  readonly timeline?: number;
  readonly prior?: string;
  /** Packs that it names: `label/number`; its own first one when left out. */
  readonly packs?: readonly string[];
  readonly hasPageErrors?: boolean;
  readonly cluster?: ClusterIdentity;
}

/** The stanza, its store and its clock. */
export interface RetentionSite {
  readonly store: MemoryStore;
  readonly repository: Repository;
  readonly context: Context;
  /** Sets the clock to an instant such as `2026-11-20T12:00:00Z`. */
  setNow(text: string): void;
  /** The same site, seen through another store. */
  through(store: ObjectStore): { readonly repository: Repository; readonly stanza: typeof STANZA };
}

/** A stanza with one cluster, PostgreSQL 18, and segments of 1 MiB. */
export async function createSite(): Promise<RetentionSite> {
  const world = createWorld("2026-11-01T00:00:00Z");
  const store = createMemoryStore();
  const { repository } = await createRepository(store, world.context);
  await createStanza(repository, STANZA, CLUSTER, world.context);
  return assemble(world, store, repository);
}

/** A site with the same objects and the same time, which goes its own way. */
export async function copySite(site: RetentionSite): Promise<RetentionSite> {
  const store = createMemoryStore();
  for (const key of site.store.keys()) {
    const bytes = await site.store.get(key);
    if (bytes) await store.put(key, bytes);
  }
  const world = createWorld(site.context.clock.now().toString());
  return assemble(world, store, { ...site.repository, store });
}

type World = Pick<RetentionSite, "context" | "setNow">;

function createWorld(begin: string): World {
  let now = Temporal.Instant.from(begin);
  const clock = { ...systemClock, now: (): Temporal.Instant => now };
  return {
    context: createContext({ clock, random: seededRandom(1) }),
    setNow: (text) => {
      now = Temporal.Instant.from(text);
    },
  };
}

function assemble(world: World, store: MemoryStore, repository: Repository): RetentionSite {
  return {
    ...world,
    store,
    repository,
    through: (other) => ({ repository: { ...repository, store: other }, stanza: STANZA }),
  };
}

/** The instant in a label, as ISO text. */
function labelTime(label: string): string {
  const [, year, month, day, hour, minute, second] =
    /(\d{4})(\d\d)(\d\d)-(\d\d)(\d\d)(\d\d)[FDI]$/.exec(label) ?? [];
  return `${year}-${month}-${day}T${hour}:${minute}:${second}Z`;
}

/** Begins a backup and leaves it unfinished, at the time in its label, with one pack. */
export async function beginBackup(
  site: RetentionSite,
  text: string,
  { prior }: { readonly prior?: string } = {},
): Promise<BackupLabel> {
  const label = parseBackupLabel(text);
  site.setNow(labelTime(label));
  const facts = {
    prior: prior === undefined ? undefined : parseBackupLabel(prior),
    host: "db1",
    startedAt: site.context.clock.now(),
  };
  await createIntent(site.repository, STANZA, label, facts, site.context);
  await site.store.put(packKeyOf(`${label}/0`), Buffer.from("a pack"));
  return label;
}

/** A complete backup with its packs and its WAL, taken at the time in its label. */
export async function addBackup(
  site: RetentionSite,
  text: string,
  backup: SiteBackup,
): Promise<BackupLabel> {
  const label = await beginBackup(site, text, backup);
  await commitSiteBackup(site, label, backup);
  return label;
}

/** Completes a backup that was begun. */
export async function commitSiteBackup(
  site: RetentionSite,
  label: BackupLabel,
  backup: SiteBackup,
): Promise<void> {
  const { repository, context, store } = site;
  const cluster = backup.cluster ?? CLUSTER;
  const on = timeline(backup.timeline ?? 1);
  const [first, last] = backup.wal;
  const types: Readonly<Record<string, BackupType>> = { F: "full", D: "diff", I: "incr" };
  const packs = backup.packs ?? [`${label}/0`];
  for (const name of packs) await store.put(packKeyOf(name), Buffer.from("a pack"));
  const header = {
    ...HEADER,
    ...cluster,
    label,
    type: types[label.slice(-1)] ?? "full",
    prior: backup.prior === undefined ? undefined : parseBackupLabel(backup.prior),
    timeline: on,
    startLsn: lsn(segmentBegin(BigInt(first), cluster.segmentSizeBytes) + 40n),
    stopLsn: lsn(segmentBegin(BigInt(last), cluster.segmentSizeBytes) + 256n),
    startTime: context.clock.now(),
    stopTime: context.clock.now().add({ minutes: 1 }),
    firstSegment: segment(on, first),
    lastSegment: segment(on, last),
    packs: packs.map((name) => ({
      label: parseBackupLabel(name.split("/")[0] ?? ""),
      number: Number(name.split("/")[1]),
      sizeBytes: 6,
      sha256: HASH,
      blobCount: 1,
    })),
    pageErrors: backup.hasPageErrors === true ? HEADER.pageErrors : [],
  };
  const manifest = await writeManifest(repository, STANZA, header, [directory("")], NONE, context);
  await commitBackup(repository, STANZA, label, manifest.sha256, context);
}

/** Stores segments with their indexes, by number, both inclusive. */
export async function addWal(
  site: RetentionSite,
  [first, last]: readonly [number, number],
  { on = 1, archive = "18-1" }: { readonly on?: number; readonly archive?: string } = {},
): Promise<void> {
  for (let number = first; number <= last; number += 1) {
    const name = segment(timeline(on), number);
    const key = `stanza/main/archive/${archive}/${name.slice(0, 16)}/${name}`;
    await site.store.put(key, Buffer.from("a segment"));
    await site.store.put(`${key}.index-1`, Buffer.from("an index"));
  }
}

/** The name of a 1 MiB segment. */
export function segment(on: Timeline, number: number): string {
  return formatSegmentName({ timeline: on, number: BigInt(number) }, CLUSTER.segmentSizeBytes);
}

function packKeyOf(name: string): string {
  const [label, number = ""] = name.split("/");
  return `stanza/main/pack/${label}/${number.padStart(8, "0")}`;
}

/** Expires with some rules. */
export function expire(
  site: RetentionSite,
  rules: Partial<RetentionRules>,
  request: Partial<Omit<ExpireRequest, "rules" | "named">> & {
    readonly named?: readonly string[];
  } = {},
): Promise<ExpireResult> {
  return performExpire(site.through(site.store), requestOf(rules, request), site.context);
}

/** A whole request from what differs. */
export function requestOf(
  rules: Partial<RetentionRules>,
  {
    named = [],
    force = false,
    archiveBefore,
  }: Partial<Omit<ExpireRequest, "rules" | "named">> & { readonly named?: readonly string[] } = {},
): ExpireRequest {
  return {
    rules: { ...NO_RULES, ...rules },
    named: named.map((label) => parseBackupLabel(label)),
    force,
    archiveBefore,
  };
}

/** Labels that are listed, by their committed outcomes without tombstone. */
export function listed(store: MemoryStore): readonly string[] {
  const keys = new Set(store.keys());
  return [...keys]
    .flatMap((key) => /^stanza\/main\/backup\/([^/]+)\/manifest$/.exec(key)?.[1] ?? [])
    .filter((label) => keys.has(`stanza/main/backup/${label}/outcome`))
    .filter((label) => !keys.has(`stanza/main/backup/${label}/tombstone`));
}

/** Stored packs as `label/number`. */
export function packs(store: MemoryStore): readonly string[] {
  return store
    .keys()
    .flatMap((key) => /^stanza\/main\/pack\/([^/]+\/)0*(\d+)$/.exec(key)?.slice(1).join("") ?? []);
}

/** Numbers of the stored segments of a timeline. */
export function wal(
  store: MemoryStore,
  {
    on = 1,
    archive = "18-1",
  }: { readonly on?: number | undefined; readonly archive?: string | undefined } = {},
): readonly number[] {
  const prefix = `stanza/main/archive/${archive}/`;
  return store
    .keys()
    .filter((key) => key.startsWith(prefix) && /\/[0-9A-F]{24}$/.test(key))
    .map((key) => key.slice(-24))
    .filter((name) => Number.parseInt(name.slice(0, 8), 16) === on)
    .map((name) => Number.parseInt(name.slice(16), 16));
}
