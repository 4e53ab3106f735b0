// What a stanza holds, as expire reads it. The order of reading matters: whatever needs something is read after it, so that
// nothing can look unneeded only because its reader came while we looked. A pack is created after its intent, a catalogue
// after a segment, so packs are listed before backups and catalogues before WAL.
import type { Context } from "../base/context.ts";
import type { CataloguePlace } from "../model/catalogue.ts";
import { isFailure } from "../model/failure.ts";
import type { Timeline, TimelineHistory } from "../model/timeline.ts";
import { parseSegmentName } from "../model/wal-segment.ts";
import { listArchiveObjects } from "../repository/archive-objects.ts";
import { listCatalogues } from "../repository/catalogue.ts";
import type { StanzaRecord } from "../repository/stanza.ts";
import { listPacks, type StoredPack } from "../repository/stored-packs.ts";
import { readHistory, type WalArchive } from "../repository/wal-archive.ts";
import {
  type ManifestMemory,
  packName,
  type RetentionBackup,
  type RetentionPlace,
  type RetentionSurvey,
  surveyRetention,
} from "./survey.ts";

/** Segments of one timeline that follow each other, by number, both inclusive. */
export interface SegmentRun {
  readonly first: bigint;
  readonly last: bigint;
}

/** The WAL of one cluster of the stanza. */
export interface StoredArchive {
  readonly archive: WalArchive;
  /** By timeline, ascending. */
  readonly runs: ReadonlyMap<Timeline, readonly SegmentRun[]>;
  /** Of every timeline that has WAL; undefined for one whose history is missing or unreadable. */
  readonly histories: ReadonlyMap<Timeline, TimelineHistory | undefined>;
}

/** Everything that expire decides by. */
export interface RetentionState {
  readonly survey: RetentionSurvey;
  /** By {@link packName}. */
  readonly packs: ReadonlyMap<string, StoredPack>;
  /** One for each cluster the stanza has had, oldest first. */
  readonly archives: readonly StoredArchive[];
  readonly catalogues: readonly CataloguePlace[];
}

/** @throws {HindsightError} what the store throws; damage is part of the answer. */
export async function readState(
  place: RetentionPlace,
  memory: ManifestMemory,
  context: Context,
): Promise<RetentionState> {
  const packs = await readPacks(place, memory, context);
  const catalogues = await listCatalogues(place.repository, place.stanza, context);
  const survey = await surveyRetention(place, memory, context);
  const archives: StoredArchive[] = [];
  for (const record of survey.records) archives.push(await readArchive(place, record, context));
  return { survey, packs, archives, catalogues };
}

async function readPacks(
  { repository, stanza }: RetentionPlace,
  memory: ManifestMemory,
  context: Context,
): Promise<ReadonlyMap<string, StoredPack>> {
  const packs = new Map<string, StoredPack>();
  for await (const pack of listPacks(repository, stanza, context)) {
    packs.set(memory.intern(packName(pack.label, pack.number)), pack);
  }
  return packs;
}

async function readArchive(
  { repository, stanza }: RetentionPlace,
  record: StanzaRecord,
  context: Context,
): Promise<StoredArchive> {
  const archive = { repository, stanza, record };
  const runs = new Map<Timeline, SegmentRun[]>();
  const timelines = new Set<Timeline>();
  for await (const found of listArchiveObjects(archive, context)) {
    if (!("segment" in found)) continue;
    const { timeline, number } = parseSegmentName(found.segment, record.segmentSizeBytes);
    timelines.add(timeline);
    if (found.kind === "segment") addToRuns(runs, timeline, number);
  }
  const histories = new Map<Timeline, TimelineHistory | undefined>();
  for (const timeline of timelines) {
    histories.set(timeline, await readHistoryOrNothing(archive, timeline, context));
  }
  return { archive, runs, histories };
}

function addToRuns(runs: Map<Timeline, SegmentRun[]>, timeline: Timeline, number: bigint): void {
  const ours = runs.get(timeline) ?? [];
  runs.set(timeline, ours);
  const before = ours.at(-1);
  if (before?.last === number - 1n) ours[ours.length - 1] = { ...before, last: number };
  else ours.push({ first: number, last: number });
}

async function readHistoryOrNothing(
  archive: WalArchive,
  timeline: Timeline,
  context: Context,
): Promise<TimelineHistory | undefined> {
  try {
    return await readHistory(archive, timeline, context);
  } catch (error) {
    if (!isFailure(error, "OBJECT_CORRUPT", "HISTORY_INVALID", "REPOSITORY_FORMAT_UNKNOWN")) {
      throw error;
    }
    context.log.warn("a history file cannot be read, so all WAL of its timeline is kept", {
      timeline,
      reason: error.message,
    });
    return undefined;
  }
}

/** Whether all packs of a backup and the WAL that makes it consistent are stored, by their names. */
export function isRestorable(state: RetentionState, backup: RetentionBackup): boolean {
  return backup.packs.every((name) => state.packs.has(name)) && hasItsWal(state, backup);
}

function hasItsWal({ archives }: RetentionState, backup: RetentionBackup): boolean {
  return archives.some(({ archive: { record }, runs }) => {
    if (record.systemIdentifier !== backup.systemIdentifier) return false;
    if (record.majorVersion !== backup.majorVersion) return false;
    const first = parseSegmentName(backup.firstSegment, record.segmentSizeBytes);
    const last = parseSegmentName(backup.lastSegment, record.segmentSizeBytes);
    const ours = [...(runs.get(first.timeline) ?? []), ...(runs.get(last.timeline) ?? [])];
    for (let number = first.number; number <= last.number; number += 1n) {
      if (!ours.some((run) => number >= run.first && number <= run.last)) return false;
    }
    return true;
  });
}
