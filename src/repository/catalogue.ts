// Catalogue snapshots in the repository: they name what WAL only numbers, so they are objects of their own and stay as
// long as the WAL they explain, whatever becomes of the backups. Whoever was at the server creates them; one that exists
// already says the same. What an object holds: catalogue-content.ts; how it is read from a server: postgres/catalogue.ts.
import { setImmediate } from "node:timers/promises";
import type { Context } from "../base/context.ts";
import { MIB } from "../base/limits.ts";
import type { CompressionChoice } from "../codec/compress.ts";
import type { CataloguePlace, CatalogueSnapshot } from "../model/catalogue.ts";
import type { StanzaName } from "../model/stanza.ts";
import { listNames, type ObjectKey, type PutOutcome } from "../storage/object-store.ts";
import { CatalogueReading, formatCatalogue } from "./catalogue-content.ts";
import { corrupt, parseStored } from "./corrupt.ts";
import { decodeUtf8 } from "./fact.ts";
import { catalogueKey, cataloguesPrefix, parseCatalogueName } from "./keys.ts";
import { encodeFrame, FrameReader } from "./object-frame.ts";
import { encodeObjectHeader, type ObjectHeader } from "./object-header.ts";
import { ObjectReader } from "./object-reader.ts";
import type { Repository } from "./repository.ts";

/** Lines are gathered into frames of this size, and none may be longer. */
const LINES_SIZE_MAX_BYTES = MIB;
/** Frames of one snapshot: room for ten million relations. Bounds what a reader gathers in memory. */
const FRAME_COUNT_MAX = 1024;
const READ_WINDOW_BYTES = 2 * MIB;
const COMPRESSION: CompressionChoice = { kind: "zstd", level: 3 };

/**
 * Stores a snapshot unless there is one of its place.
 *
 * @throws {HindsightError} what the store throws.
 * @throws {RangeError} for a snapshot that no reader would accept. Nothing is stored then.
 */
export async function putCatalogue(
  repository: Repository,
  stanza: StanzaName,
  { snapshot, context }: { readonly snapshot: CatalogueSnapshot; readonly context: Context },
): Promise<PutOutcome> {
  const key = catalogueKey(stanza, snapshot);
  const header: ObjectHeader = {
    type: "CATL",
    compression: COMPRESSION.kind,
    repositoryId: repository.id,
    key,
    fields: Buffer.alloc(0),
  };
  const { bytes, seal } = encodeObjectHeader(header, repository.sealer);
  const style = { seal, compression: COMPRESSION };
  const pieces: Uint8Array[] = [bytes];
  let number = 0;
  for (const lines of gatherLines(snapshot)) {
    if (number === FRAME_COUNT_MAX) throw new RangeError("a catalogue has too many lines");
    pieces.push(...encodeFrame("CATL", Buffer.from(lines, "utf8"), { style, number }));
    number += 1;
    // Between two frames the signal may fire: a timer's cannot while lines are made.
    await setImmediate();
    context.signal.throwIfAborted();
  }
  // As one buffer, which a store can send again when an answer is lost.
  return await repository.store.put(key, Buffer.concat(pieces), { signal: context.signal });
}

/** Whole lines with their ends, as many at a time as a frame holds. */
function* gatherLines(snapshot: CatalogueSnapshot): Generator<string, void, undefined> {
  let gathered: string[] = [];
  let sizeBytes = 0;
  for (const line of readableLines(snapshot)) {
    const lineBytes = Buffer.byteLength(line, "utf8");
    if (lineBytes > LINES_SIZE_MAX_BYTES)
      throw new RangeError(`a catalogue line of ${lineBytes} bytes`);
    if (sizeBytes + lineBytes > LINES_SIZE_MAX_BYTES) {
      yield gathered.join("");
      gathered = [];
      sizeBytes = 0;
    }
    gathered.push(line);
    sizeBytes += lineBytes;
  }
  yield gathered.join("");
}

/** What is written must be readable: the reader's own parser is the judge. */
function* readableLines(snapshot: CatalogueSnapshot): Generator<string, void, undefined> {
  const reading = new CatalogueReading();
  for (const line of formatCatalogue(snapshot)) {
    try {
      reading.add(line);
    } catch (cause) {
      throw new RangeError(`a catalogue cannot hold ${line.slice(0, 200)}`, { cause });
    }
    yield `${line}\n`;
  }
}

/**
 * Reads a snapshot whole.
 *
 * @returns undefined when there is none of that place.
 * @throws {HindsightError} `OBJECT_CORRUPT`, `REPOSITORY_FORMAT_UNKNOWN`
 */
export async function readCatalogue(
  repository: Repository,
  stanza: StanzaName,
  { place, context }: { readonly place: CataloguePlace; readonly context: Context },
): Promise<CatalogueSnapshot | undefined> {
  const key = catalogueKey(stanza, place);
  const options = { windowSizeBytes: READ_WINDOW_BYTES };
  const reader = await ObjectReader.open(repository.store, key, { options, context });
  if (!reader) return undefined;
  const { id: repositoryId, sealer } = repository;
  const expected = { type: "CATL", key, repositoryId, fieldsSizeBytes: 0, sealer } as const;
  const frames = new FrameReader(reader, reader.takeHeader(expected));
  const snapshot = await readLines(frames, key);
  await reader.expectEnd();
  const found = catalogueKey(stanza, snapshot);
  if (found !== key) throw corrupt(key, `it is the catalogue of ${found}`);
  return snapshot;
}

async function readLines(frames: FrameReader, key: ObjectKey): Promise<CatalogueSnapshot> {
  const reading = new CatalogueReading();
  for (let count = 0; count < FRAME_COUNT_MAX; count += 1) {
    const { plain, offsetBytes } = await frames.next({ CATL: LINES_SIZE_MAX_BYTES });
    parseStored(key, () => {
      const lines = decodeUtf8(plain).split("\n");
      if (lines.pop() !== "" || lines.length === 0)
        throw corrupt(key, "a frame does not hold whole lines", { offsetBytes });
      for (const line of lines) reading.add(line);
    });
    if (reading.isComplete) return reading.snapshot();
  }
  throw corrupt(key, `it has more than ${FRAME_COUNT_MAX} frames`);
}

/** Where snapshots were taken, by timeline and position. Their names say it; none is read. */
export async function listCatalogues(
  repository: Repository,
  stanza: StanzaName,
  context: Context,
): Promise<readonly CataloguePlace[]> {
  const prefix = cataloguesPrefix(stanza);
  const names = await listNames(repository.store, prefix, { signal: context.signal });
  // Keys sort by timeline and position.
  return names.map(parseCatalogueName).filter((place) => place !== undefined);
}
