// One cluster's WAL in the repository: storing and fetching archived files under the names PostgreSQL gives them, and
// what can be known from the names alone. Whether a segment's content is what its name promises is checked by archive/,
// which may read WAL; here content is only proven to be what was stored. The bytes of an object: wal-object.ts.
import type { Context } from "../base/context.ts";
import { KIB, MIB } from "../base/limits.ts";
import type { CompressionChoice } from "../codec/compress.ts";
import { failure } from "../model/failure.ts";
import { formatLsn, type Lsn, lsn } from "../model/lsn.ts";
import type { StanzaName } from "../model/stanza.ts";
import {
  formatTimeline,
  historyFileName,
  parseHistory,
  parseTimelineDigits,
  type Timeline,
  type TimelineHistory,
} from "../model/timeline.ts";
import { parseArchiveFileName } from "../model/wal-segment.ts";
import { listAll, listNames, type ObjectKey } from "../storage/object-store.ts";
import { corrupt, parseStored } from "./corrupt.ts";
import { putFact } from "./fact.ts";
import { archivePrefix, walFileKey } from "./keys.ts";
import { FRAME_SIZE_MAX_BYTES } from "./object-frame.ts";
import { type DecodedHeader, HEADER_SIZE_MAX_BYTES } from "./object-header.ts";
import { ObjectReader } from "./object-reader.ts";
import type { Repository } from "./repository.ts";
import { archiveId, type StanzaRecord } from "./stanza.ts";
import {
  decodeWalBody,
  decodeWalFields,
  encodeWalObject,
  WAL_FIELDS_BYTES,
  type WalObjectHeader,
} from "./wal-object.ts";

export type { WalObjectHeader } from "./wal-object.ts";

/** One stanza's WAL of one cluster. */
export interface WalArchive {
  readonly repository: Repository;
  readonly stanza: StanzaName;
  readonly record: StanzaRecord;
}

/** WAL from `begin` up to `end` that was given up for ever. */
export interface WalGap {
  readonly timeline: Timeline;
  readonly begin: Lsn;
  readonly end: Lsn;
}

/** One read fetches a compressed 16 MiB segment whole. */
const SEGMENT_WINDOW_BYTES: number = 17 * MIB;

/** More than any header, less than a page of most stores' pricing. */
const HEADER_WINDOW_BYTES: number = Math.max(4 * KIB, HEADER_SIZE_MAX_BYTES);

const SEGMENT_KEY = /\/([0-9A-F]{24})$/;
const SEGMENT_FOLDER = /^[0-9A-F]{16}\/$/;
const GAP_NAME = /^([0-9A-F]{8})-([0-9A-F]{16})-([0-9A-F]{16})$/;

/**
 * Stores a file of the archive, once and for ever.
 *
 * @param name as PostgreSQL names it: a segment, `.partial`, `.history` or `.backup`.
 * @returns `identical` when the same bytes were stored before: they were read back and compared, so that success always
 *   means the repository holds the file.
 * @throws {HindsightError} `WAL_DUPLICATE_DIFFERS` when other bytes have that name, `OBJECT_CORRUPT` when what has that
 *   name cannot be read, `WAL_SEGMENT_NAME_INVALID`, `WAL_SEGMENT_INVALID` for a segment of another size, or what the
 *   store throws.
 */
// oxlint-disable-next-line max-params -- what names the object, what goes into it, and the context
export async function putWalFile(
  archive: WalArchive,
  name: string,
  plain: Buffer,
  options: { readonly compression: CompressionChoice },
  context: Context,
): Promise<"created" | "identical"> {
  const { repository, record } = archive;
  const key = keyOf(archive, name);
  const source = {
    key,
    repositoryId: repository.id,
    sealer: repository.sealer,
    name,
    plain,
    cluster: record,
    compression: options.compression,
  };
  requireSize(archive, name, plain);
  const pieces = encodeWalObject(source);
  // A small file goes as one buffer, which a store can send again when an answer is lost; a stream it cannot.
  const isSmall = plain.length <= FRAME_SIZE_MAX_BYTES;
  const content = isSmall ? Buffer.concat([...pieces]) : asStream(pieces, context.signal);
  const outcome = await repository.store.put(key, content, { signal: context.signal });
  if (outcome === "created") return "created";
  const stored = await getWalFile(archive, name, context);
  if (stored?.equals(plain) === true) return "identical";
  throw failure("WAL_DUPLICATE_DIFFERS", `${name} is in the archive already, with other content`, {
    hint: "Two clusters archive under one stanza, or a promoted copy archives beside its source. Nothing was overwritten; give the newcomer a stanza of its own.",
    context: { key, stanza: archive.stanza },
  });
}

/**
 * Fetches a file of the archive.
 *
 * @returns the bytes as they were archived, verified; undefined when the repository holds no such file.
 * @throws {HindsightError} `OBJECT_CORRUPT`, `REPOSITORY_FORMAT_UNKNOWN`, `WAL_SEGMENT_NAME_INVALID`
 */
export async function getWalFile(
  archive: WalArchive,
  name: string,
  context: Context,
): Promise<Buffer | undefined> {
  const reader = await openReader(archive, name, {
    windowSizeBytes: SEGMENT_WINDOW_BYTES,
    context,
  });
  if (!reader) return undefined;
  const header = takeWalHeader(archive, name, reader);
  return await decodeWalBody(reader, header);
}

/** Whether a file is there, without reading it. The size is that of the stored object. */
export async function statWalFile(
  archive: WalArchive,
  name: string,
  context: Context,
): Promise<{ readonly sizeBytes: number } | undefined> {
  const { store } = archive.repository;
  const found = await store.stat(keyOf(archive, name), { signal: context.signal });
  return found && { sizeBytes: found.sizeBytes };
}

/**
 * What the header of a stored file says; its content is not read.
 *
 * @throws {HindsightError} `OBJECT_CORRUPT`, `REPOSITORY_FORMAT_UNKNOWN`
 */
export async function readWalHeader(
  archive: WalArchive,
  name: string,
  context: Context,
): Promise<WalObjectHeader | undefined> {
  const reader = await openReader(archive, name, { windowSizeBytes: HEADER_WINDOW_BYTES, context });
  return reader && decodeWalFields(takeWalHeader(archive, name, reader));
}

/**
 * The names of stored segments, sorted; other files are left out.
 *
 * @param options `timeline`: only that one; `from`: a segment's name to begin at, inclusive.
 */
export async function* listSegments(
  archive: WalArchive,
  options: { readonly timeline?: Timeline | undefined; readonly from?: string | undefined },
  context: Context,
): AsyncGenerator<string, void, undefined> {
  const { store } = archive.repository;
  const prefix = prefixOf(archive);
  const { from = "" } = options;
  const digits = options.timeline === undefined ? "" : formatTimeline(options.timeline);
  for (const folder of await listNames(store, prefix + digits, { signal: context.signal })) {
    const folderName = digits + folder;
    if (!SEGMENT_FOLDER.test(folderName) || folderName.slice(0, 16) < from.slice(0, 16)) continue;
    for await (const { key } of listAll(store, prefix + folderName, { signal: context.signal })) {
      const name = SEGMENT_KEY.exec(key)?.[1];
      if (name !== undefined && name >= from) yield name;
    }
  }
}

/** The first and the last segment by name, over all timelines; undefined for an empty archive. */
export async function segmentExtremes(
  archive: WalArchive,
  context: Context,
): Promise<{ readonly min: string; readonly max: string } | undefined> {
  const min = await firstSegment(archive, context);
  if (min === undefined) return undefined;
  const { store } = archive.repository;
  const prefix = prefixOf(archive);
  const folders = await listNames(store, prefix, { signal: context.signal });
  for (const folder of folders.filter((name) => SEGMENT_FOLDER.test(name)).toReversed()) {
    let max: string | undefined;
    for await (const { key } of listAll(store, prefix + folder, { signal: context.signal })) {
      max = SEGMENT_KEY.exec(key)?.[1] ?? max;
    }
    if (max !== undefined) return { min, max };
  }
  return undefined;
}

/**
 * The history of a timeline. Timeline 1 has no file and no ancestors.
 *
 * @returns undefined when the archive does not hold the history file.
 * @throws {HindsightError} `HISTORY_INVALID`, `OBJECT_CORRUPT`
 */
export async function readHistory(
  archive: WalArchive,
  timeline: Timeline,
  context: Context,
): Promise<TimelineHistory | undefined> {
  if (timeline === 1) return { timeline, ancestors: [] };
  const content = await getWalFile(archive, historyFileName(timeline), context);
  return content && parseHistory(timeline, content.toString("latin1"));
}

/** The timelines whose history files are stored, ascending. */
export async function listHistories(
  archive: WalArchive,
  context: Context,
): Promise<readonly Timeline[]> {
  const { store } = archive.repository;
  const names = await listNames(store, `${prefixOf(archive)}history/`, { signal: context.signal });
  return names
    .filter((name) => /^[0-9A-F]{8}\.history$/.test(name))
    .map((name) => parseTimelineDigits(name.slice(0, 8)));
}

/** Records that a range of WAL will never be in the archive. Recording it again changes nothing. */
export async function recordGap(
  archive: WalArchive,
  gap: WalGap,
  { reason, context }: { readonly reason: string; readonly context: Context },
): Promise<void> {
  const hex = (position: Lsn): string => position.toString(16).toUpperCase().padStart(16, "0");
  const name = `${formatTimeline(gap.timeline)}-${hex(gap.begin)}-${hex(gap.end)}`;
  const value = {
    timeline: gap.timeline,
    begin: formatLsn(gap.begin),
    end: formatLsn(gap.end),
    reason,
    recordedAt: context.clock.now().toString(),
  };
  await putFact(archive.repository, `${gapPrefix(archive)}${name}`, { value, context });
}

/**
 * The recorded gaps, by timeline and begin. Their names say all; a damaged record still counts.
 *
 * @throws {HindsightError} `OBJECT_CORRUPT` for a name that is no gap's.
 */
export async function listGaps(archive: WalArchive, context: Context): Promise<readonly WalGap[]> {
  const prefix = gapPrefix(archive);
  const names = await listNames(archive.repository.store, prefix, { signal: context.signal });
  return names.map((name) => parseStored(prefix + name, () => parseGapName(prefix, name)));
}

function parseGapName(prefix: string, name: string): WalGap {
  const [, timeline, begin, end] = GAP_NAME.exec(name) ?? [];
  if (timeline === undefined) throw corrupt(prefix + name, "its name is not that of a gap");
  return {
    timeline: parseTimelineDigits(timeline),
    begin: lsn(BigInt(`0x${begin}`)),
    end: lsn(BigInt(`0x${end}`)),
  };
}

/** What is stored must be readable later, so a segment that {@link getWalFile} would refuse is refused now. */
function requireSize({ record }: WalArchive, name: string, plain: Buffer): void {
  const isSegment = parseArchiveFileName(name).kind === "segment";
  if (!isSegment || plain.length === record.segmentSizeBytes) return;
  throw failure(
    "WAL_SEGMENT_INVALID",
    `${name} has ${plain.length} bytes instead of the segment size of ${record.segmentSizeBytes}`,
    { hint: "PostgreSQL only archives whole segments; look at who else writes into pg_wal." },
  );
}

async function firstSegment(archive: WalArchive, context: Context): Promise<string | undefined> {
  for await (const name of listSegments(archive, {}, context)) return name;
  return undefined;
}

function openReader(
  archive: WalArchive,
  name: string,
  { windowSizeBytes, context }: { readonly windowSizeBytes: number; readonly context: Context },
): Promise<ObjectReader | undefined> {
  const { store } = archive.repository;
  const options = { windowSizeBytes };
  return ObjectReader.open(store, keyOf(archive, name), { options, context });
}

/** Takes the header and checks that it agrees with the file's name and with the stanza. */
function takeWalHeader(archive: WalArchive, name: string, reader: ObjectReader): DecodedHeader {
  const { key } = reader;
  const { record, repository } = archive;
  const header = reader.takeHeader({
    type: "WALF",
    key,
    repositoryId: repository.id,
    fieldsSizeBytes: WAL_FIELDS_BYTES,
    sealer: repository.sealer,
  });
  const wal = parseStored(key, () => decodeWalFields(header));
  const isSegment = parseArchiveFileName(name).kind === "segment";
  const facts = [
    ["system identifier", wal.systemIdentifier, record.systemIdentifier],
    ["WAL segment size", wal.segmentSizeBytes, record.segmentSizeBytes],
    ["timeline", wal.timeline, parseTimelineDigits(name.slice(0, 8))],
    ["size", wal.plainSizeBytes, isSegment ? record.segmentSizeBytes : wal.plainSizeBytes],
  ] as const;
  for (const [title, found, expected] of facts) {
    if (found !== expected) {
      throw corrupt(key, `its header names ${title} ${found} instead of ${expected}`);
    }
  }
  return header;
}

function prefixOf(archive: WalArchive): string {
  return archivePrefix(archive.stanza, archiveId(archive.record));
}

function gapPrefix(archive: WalArchive): string {
  return `${prefixOf(archive)}gap/`;
}

function keyOf(archive: WalArchive, name: string): ObjectKey {
  return walFileKey(prefixOf(archive), name);
}

/** Gives the store the chance to write, and the user to interrupt, between two pieces. */
async function* asStream(
  pieces: Iterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> {
  for (const piece of pieces) {
    signal.throwIfAborted();
    yield await Promise.resolve(piece);
  }
}
