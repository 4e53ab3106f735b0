// Manifests: what a backup consists of, as one object that is written and read as a stream. The lines are in
// manifest-header-line.ts and manifest-entry-line.ts, what holds between them in manifest-check.ts. A manifest counts
// only when its backup is committed (backup-set.ts), and only if it is, byte for byte, the one that was committed.
import { createHash } from "node:crypto";
import type { Context } from "../base/context.ts";
import { KIB, MIB } from "../base/limits.ts";
import type { CompressionChoice } from "../codec/compress.ts";
import type { BackupLabel } from "../model/backup-label.ts";
import { failure } from "../model/failure.ts";
import type { StanzaName } from "../model/stanza.ts";
import { readOutcome } from "./backup-set.ts";
import { corrupt, parseStored } from "./corrupt.ts";
import { decodeUtf8 } from "./fact.ts";
import { backupKey } from "./keys.ts";
import { EntrySequence } from "./manifest-check.ts";
import {
  formatCountsLine,
  formatEntryLine,
  formatPackLine,
  parseCountsLine,
  parseEntryLine,
  parsePackLine,
} from "./manifest-entry-line.ts";
import { formatHeaderLine, parseHeaderLine } from "./manifest-header-line.ts";
import type { ManifestEntry, ManifestHeader, PackTableFacts } from "./manifest-lines.ts";
import {
  encodeFrame,
  type Frame,
  FRAME_SIZE_MAX_BYTES,
  FrameReader,
  type FrameStyle,
  type FrameTag,
} from "./object-frame.ts";
import { encodeObjectHeader, type ObjectHeader } from "./object-header.ts";
import { ObjectReader } from "./object-reader.ts";
import type { PackEntry } from "./pack-format.ts";
import type { Repository } from "./repository.ts";

export type {
  ManifestDatabase,
  ManifestEntry,
  ManifestFile,
  ManifestHeader,
  ManifestTablespace,
} from "./manifest-lines.ts";

/** Lines of packs and entries are gathered into frames of this size, and none may be longer. */
const LINES_SIZE_MAX_BYTES = MIB;
const COUNTS_SIZE_MAX_BYTES = KIB;
const READ_WINDOW_BYTES = 2 * MIB;

type Entries = Iterable<ManifestEntry> | AsyncIterable<ManifestEntry>;

/** What a manifest object came out as; the hash goes into the backup's outcome. */
export interface WrittenManifest {
  readonly sha256: string;
  readonly sizeBytes: number;
}

/**
 * Writes the manifest of a label that this process reserved.
 *
 * @param entries sorted by path, each directory before what it holds; taken as they come.
 * @throws {HindsightError} `OBJECT_EXISTS` when there is one, or what the store throws.
 * @throws {RangeError} for entries that no reader would accept: a mistake of the caller. Nothing is stored then.
 */
// oxlint-disable-next-line max-params -- what names the object, what goes into it, and the context
export async function writeManifest(
  repository: Repository,
  stanza: StanzaName,
  header: ManifestHeader,
  entries: Entries,
  options: { readonly compression: CompressionChoice },
  context: Context,
): Promise<WrittenManifest> {
  const key = backupKey(stanza, header.label, "manifest");
  const objectHeader: ObjectHeader = {
    type: "MANI",
    compression: options.compression.kind,
    repositoryId: repository.id,
    key,
    fields: Buffer.alloc(0),
  };
  const { bytes, seal } = encodeObjectHeader(objectHeader, repository.sealer);
  const style: FrameStyle = { seal, compression: options.compression };
  const hash = createHash("sha256");
  let sizeBytes = 0;
  async function* content(): AsyncGenerator<Uint8Array, void, undefined> {
    for await (const piece of encodeManifest(style, { bytes, header }, entries)) {
      hash.update(piece);
      sizeBytes += piece.length;
      yield piece;
    }
  }
  const outcome = await repository.store.put(key, content(), { signal: context.signal });
  if (outcome === "created") return { sha256: hash.digest("hex"), sizeBytes };
  throw failure("OBJECT_EXISTS", `${key} exists already`, {
    hint: "Another process uses the same backup label. Take the backup again: it gets a label of its own.",
    context: { key },
  });
}

async function* encodeManifest(
  style: FrameStyle,
  { bytes, header }: { readonly bytes: Uint8Array; readonly header: ManifestHeader },
  entries: Entries,
): AsyncGenerator<Uint8Array, void, undefined> {
  let number = 0;
  const frame = (tag: FrameTag, lines: string): readonly Uint8Array[] => {
    const encoded = encodeFrame(tag, Buffer.from(lines, "utf8"), { style, number });
    number += 1;
    return encoded;
  };
  const packLines = header.packs.map((pack) => `${formatPackLine(pack)}\n`);
  const packTable = { count: packLines.length, sha256: hashLines(packLines) };
  const headerLine = `${formatHeaderLine(header, packTable)}\n`;
  requireReadable(headerLine, header);
  yield bytes;
  yield* frame("HEAD", headerLine);
  for await (const lines of gather(packLines)) yield* frame("PKTB", lines);
  const sequence = new EntrySequence();
  const entryLines = formatEntries(entries, sequence, header.packs.length);
  for await (const lines of gather(entryLines)) yield* frame("FILE", lines);
  yield* frame("DONE", `${formatCountsLine(sequence.counts)}\n`);
}

async function* formatEntries(
  entries: Entries,
  sequence: EntrySequence,
  packCount: number,
): AsyncGenerator<string, void, undefined> {
  for await (const entry of entries) {
    const fault = sequence.add(entry);
    if (fault !== undefined) throw new RangeError(`a manifest cannot be written: ${fault}`);
    const line = formatEntryLine(entry);
    // What is written must be readable: the reader's own parser is the judge.
    try {
      parseEntryLine(line, packCount);
    } catch (cause) {
      throw new RangeError(`a manifest cannot hold ${line.slice(0, 200)}`, { cause });
    }
    yield `${line}\n`;
  }
}

/** Gathers lines until the next one would pass the limit of a frame. */
async function* gather(
  lines: Iterable<string> | AsyncIterable<string>,
): AsyncGenerator<string, void, undefined> {
  let gathered: string[] = [];
  let sizeBytes = 0;
  for await (const line of lines) {
    const lineBytes = Buffer.byteLength(line, "utf8");
    if (lineBytes > LINES_SIZE_MAX_BYTES)
      throw new RangeError(`a manifest line of ${lineBytes} bytes`);
    if (sizeBytes + lineBytes > LINES_SIZE_MAX_BYTES) {
      yield gathered.join("");
      gathered = [];
      sizeBytes = 0;
    }
    gathered.push(line);
    sizeBytes += lineBytes;
  }
  if (gathered.length > 0) yield gathered.join("");
}

function requireReadable(headerLine: string, header: ManifestHeader): void {
  if (Buffer.byteLength(headerLine, "utf8") > FRAME_SIZE_MAX_BYTES) {
    throw new RangeError(`the manifest header of ${header.label} is too long`);
  }
  try {
    parseHeaderLine(headerLine.slice(0, -1));
    for (const pack of header.packs) parsePackLine(formatPackLine(pack));
  } catch (cause) {
    throw new RangeError(`the manifest header of ${header.label} cannot be written`, { cause });
  }
}

function hashLines(lines: readonly string[]): string {
  const hash = createHash("sha256");
  for (const line of lines) hash.update(line, "utf8");
  return hash.digest("hex");
}

/**
 * What a committed backup says about itself. The whole object is read and compared with the committed hash.
 *
 * @throws {HindsightError} `BACKUP_UNKNOWN` when the label is not committed, `OBJECT_MISSING`, `OBJECT_CORRUPT`,
 *   `REPOSITORY_FORMAT_UNKNOWN`
 */
export async function readManifestHeader(
  repository: Repository,
  stanza: StanzaName,
  label: BackupLabel,
  context: Context,
): Promise<ManifestHeader> {
  const opened = await openManifest(repository, { stanza, label, context });
  await opened.reader.skipToEnd();
  requireHash(opened);
  return opened.header;
}

/**
 * A committed backup's manifest, entries as a stream in bounded memory.
 *
 * Every frame is verified before its entries come out; that the manifest is whole and the committed one is known when
 * the stream ends without an error. Do nothing that cannot be undone before.
 *
 * @throws {HindsightError} `BACKUP_UNKNOWN` when the label is not committed, `OBJECT_MISSING`, `OBJECT_CORRUPT`,
 *   `REPOSITORY_FORMAT_UNKNOWN`
 */
export async function readManifest(
  repository: Repository,
  stanza: StanzaName,
  label: BackupLabel,
  context: Context,
): Promise<{
  readonly header: ManifestHeader;
  readonly entries: AsyncGenerator<ManifestEntry, void, undefined>;
}> {
  const opened = await openManifest(repository, { stanza, label, context });
  return { header: opened.header, entries: readEntries(opened) };
}

interface OpenedManifest {
  readonly reader: ObjectReader;
  readonly frames: FrameReader;
  readonly header: ManifestHeader;
  /** The SHA-256 that was committed. */
  readonly sha256: string;
}

async function openManifest(
  repository: Repository,
  { stanza, label, context }: { stanza: StanzaName; label: BackupLabel; context: Context },
): Promise<OpenedManifest> {
  const committed = await readCommitted(repository, { stanza, label, context });
  const key = backupKey(stanza, label, "manifest");
  const options = { windowSizeBytes: READ_WINDOW_BYTES, withSha256: true };
  const reader = await ObjectReader.open(repository.store, key, { options, context });
  if (!reader) {
    throw failure(
      "OBJECT_MISSING",
      `${key} is not in the repository, but its backup is committed`,
      {
        hint: "Use another backup or another repository.",
        context: { key },
      },
    );
  }
  const { id: repositoryId, sealer } = repository;
  const expected = { type: "MANI", key, repositoryId, fieldsSizeBytes: 0, sealer } as const;
  const frames = new FrameReader(reader, reader.takeHeader(expected));
  const head = await frames.next({ HEAD: FRAME_SIZE_MAX_BYTES });
  const { header, packTable } = parseStored(key, () => {
    const [line, ...rest] = splitLines(head);
    if (line === undefined || rest.length > 0) throw new Error("its first frame is not one line");
    return parseHeaderLine(line);
  });
  if (header.label !== label) throw corrupt(key, `it is the manifest of ${header.label}`);
  const packs = await readPackTable(frames, packTable, key);
  return { reader, frames, header: { ...header, packs }, sha256: committed };
}

async function readCommitted(
  repository: Repository,
  { stanza, label, context }: { stanza: StanzaName; label: BackupLabel; context: Context },
): Promise<string> {
  const outcome = await readOutcome(repository, stanza, label, context);
  if (outcome?.state === "committed") return outcome.manifestSha256;
  throw failure("BACKUP_UNKNOWN", `there is no complete backup ${label} of stanza "${stanza}"`, {
    hint: "`hindsight info` lists the backups; an unfinished or revoked one cannot be used.",
    context: { stanza, label },
  });
}

async function readPackTable(
  frames: FrameReader,
  facts: PackTableFacts,
  key: string,
): Promise<readonly PackEntry[]> {
  const packs: PackEntry[] = [];
  const names = new Set<string>();
  const hash = createHash("sha256");
  while (packs.length < facts.count) {
    const frame = await frames.next({ PKTB: LINES_SIZE_MAX_BYTES });
    hash.update(frame.plain);
    parseStored(key, () => {
      for (const line of splitLines(frame)) {
        const pack = parsePackLine(line);
        names.add(`${pack.label}/${pack.number}`);
        packs.push(pack);
      }
    });
  }
  if (packs.length !== facts.count || names.size !== packs.length) {
    throw corrupt(key, `its pack table has ${names.size} packs instead of ${facts.count}`);
  }
  if (hash.digest("hex") !== facts.sha256) throw corrupt(key, "its pack table is not its own");
  return packs;
}

async function* readEntries(
  opened: OpenedManifest,
): AsyncGenerator<ManifestEntry, void, undefined> {
  const { frames, reader, header } = opened;
  const { key } = reader;
  const sequence = new EntrySequence();
  while (true) {
    const limits = { FILE: LINES_SIZE_MAX_BYTES, DONE: COUNTS_SIZE_MAX_BYTES };
    const frame = await frames.next(limits);
    if (frame.tag === "DONE") {
      requireCounts(frame, sequence, key);
      await reader.expectEnd();
      requireHash(opened);
      return;
    }
    for (const line of parseStored(key, () => splitLines(frame))) {
      yield parseStored(key, () => {
        const entry = parseEntryLine(line, header.packs.length);
        const fault = sequence.add(entry);
        if (fault === undefined) return entry;
        throw corrupt(key, fault, { offsetBytes: frame.offsetBytes });
      });
    }
  }
}

function requireCounts(frame: Frame, sequence: EntrySequence, key: string): void {
  const expected = `${formatCountsLine(sequence.counts)}\n`;
  const found = decodeUtf8(frame.plain);
  parseStored(key, () => parseCountsLine(found.slice(0, -1)));
  if (found === expected) return;
  throw corrupt(key, `it counts ${found.trim()} but has ${expected.trim()}`, {
    offsetBytes: frame.offsetBytes,
  });
}

function requireHash({ reader, sha256: committed }: OpenedManifest): void {
  const found = reader.sha256();
  if (found === committed) return;
  throw corrupt(reader.key, `it has SHA-256 ${found}, but ${committed} was committed`);
}

/** The lines of a frame, without their ends. */
function splitLines({ plain }: Frame): readonly string[] {
  const lines = decodeUtf8(plain).split("\n");
  if (lines.pop() !== "" || lines.length === 0)
    throw new Error("a frame does not hold whole lines");
  return lines;
}
