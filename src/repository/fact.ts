// Facts: small records that are created once, such as an intent or an outcome. A fact is a header and one frame of
// strict JSON; what the JSON means is for the caller's parser.
import type { Context } from "../base/context.ts";
import { KIB, MIB } from "../base/limits.ts";
import type { CompressionChoice } from "../codec/compress.ts";
import type { ObjectKey, PutOutcome } from "../storage/object-store.ts";
import { type Sealer } from "../codec/seal.ts";
import { corrupt, parseStored } from "./corrupt.ts";
import { encodeFrame, FrameReader } from "./object-frame.ts";
import { encodeObjectHeader, type ObjectHeader } from "./object-header.ts";
import { ObjectReader } from "./object-reader.ts";
import type { Repository } from "./repository.ts";
import { type Json, JsonFields, parseStrictJson } from "./strict-json.ts";

const FACT_SIZE_MAX_BYTES = MIB;
const READ_WINDOW_BYTES = 64 * KIB;
const PLAIN: CompressionChoice = { kind: "none", level: 0 };

/** What sealing and checking a fact needs of the repository; repository.json itself is read before there is one. */
export type FactPlace = Pick<Repository, "store" | "id" | "sealer">;

/** A fact's JSON, and the repository that its header names. */
export interface StoredFact<Value> {
  readonly value: Value;
  readonly repositoryId: string;
}

/** Lays out a whole fact. */
function encodeFact(
  key: ObjectKey,
  value: Json,
  { id, sealer }: { readonly id: string; readonly sealer: Sealer },
): Buffer {
  const header: ObjectHeader = {
    type: "FACT",
    compression: "none",
    repositoryId: id,
    key,
    fields: Buffer.alloc(0),
  };
  const json = Buffer.from(JSON.stringify(value), "utf8");
  if (json.length > FACT_SIZE_MAX_BYTES) {
    throw new RangeError(`${key} would hold ${json.length} bytes of JSON, more than a fact may`);
  }
  const { bytes, seal } = encodeObjectHeader(header, sealer);
  const style = { seal, compression: PLAIN };
  return Buffer.concat([bytes, ...encodeFrame("JSON", json, { style, number: 0 })]);
}

/** Creates a fact unless its key is taken. */
export function putFact(
  place: FactPlace,
  key: ObjectKey,
  { value, context }: { readonly value: Json; readonly context: Context },
): Promise<PutOutcome> {
  return place.store.put(key, encodeFact(key, value, place), { signal: context.signal });
}

/**
 * Reads a fact.
 *
 * @param parse takes every key of the JSON; what is left over is an error.
 * @returns undefined when there is no such object.
 * @throws {HindsightError} `OBJECT_CORRUPT`, `REPOSITORY_FORMAT_UNKNOWN`
 */
export async function readFact<Value>(
  place: FactPlace,
  key: ObjectKey,
  { parse, context }: { readonly parse: (fields: JsonFields) => Value; readonly context: Context },
): Promise<Value | undefined> {
  const request = { key, repositoryId: place.id, sealer: place.sealer, parse, context };
  return (await readStoredFact(place.store, request))?.value;
}

/** {@link readFact} for a repository whose id may not be known yet. */
export async function readStoredFact<Value>(
  store: Repository["store"],
  request: {
    readonly key: ObjectKey;
    readonly repositoryId: string | undefined;
    readonly sealer: Sealer;
    readonly parse: (fields: JsonFields) => Value;
    readonly context: Context;
  },
): Promise<StoredFact<Value> | undefined> {
  const { key, repositoryId, sealer, context } = request;
  const options = { windowSizeBytes: READ_WINDOW_BYTES };
  const reader = await ObjectReader.open(store, key, { options, context });
  if (!reader) return undefined;
  const header = reader.takeHeader({ type: "FACT", key, repositoryId, fieldsSizeBytes: 0, sealer });
  if (header.compression !== "none") throw corrupt(key, "a fact is never compressed");
  const frames = new FrameReader(reader, header);
  const { plain } = await frames.next({ JSON: FACT_SIZE_MAX_BYTES });
  await reader.expectEnd();
  const value = parseStored(key, () => {
    const fields = new JsonFields(parseStrictJson(decodeUtf8(plain)));
    const parsed = request.parse(fields);
    fields.end();
    return parsed;
  });
  return { value, repositoryId: header.repositoryId };
}

/** @throws {TypeError} when the bytes are no UTF-8. */
export function decodeUtf8(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}
