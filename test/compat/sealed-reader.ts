// A reader of encrypted repositories that shares no code with Hindsight: it is written from docs/repository-format.md,
// with the primitives of node:crypto, step by step, as somebody would who has nothing but that page. It opens good
// objects; it is no example of how to distrust bad ones.
import { argon2Sync, createDecipheriv, createHmac, hkdfSync } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { zstdDecompressSync } from "node:zlib";

/** An object, opened. */
export interface OpenedObject {
  readonly type: string;
  /** What the type adds to the header. */
  readonly fields: Buffer;
  /** Frames in order, expanded; empty for packs. */
  readonly frames: readonly { readonly tag: string; readonly plain: Buffer }[];
  /** The whole header, and what opens pieces of a pack. */
  readonly header: Buffer;
  readonly bytes: Buffer;
  readonly openPiece: (kind: number, number: number, sealed: Buffer) => Buffer;
}

/** What is known of one blob of a pack. */
export interface OpenedBlob {
  readonly plain: Buffer;
  readonly sha256: string;
  readonly pageHashes: Buffer;
}

/** The root key, by a passphrase or by the content of a key file. */
export function readRootKey(
  root: string,
  secret: { readonly passphrase: string } | { readonly keyFile: Buffer },
): Buffer {
  const kind = "passphrase" in secret ? "passphrase" : "key-file";
  for (const name of readdirSync(join(root, "key"))) {
    const { id, json } = readPlainFact(root, `key/${name}`);
    const slot = JSON.parse(json) as Record<string, string & number>;
    if (slot["kind"] !== kind) continue;
    const salt = Buffer.from(slot["salt"] ?? "", "hex");
    const stretched =
      "passphrase" in secret
        ? argon2Sync("argon2id", {
            message: secret.passphrase,
            nonce: salt,
            memory: slot["memoryKib"] ?? 0,
            passes: slot["passes"] ?? 0,
            parallelism: slot["lanes"] ?? 0,
            tagLength: 32,
          })
        : secret.keyFile;
    const { wrapped = "", proof = "", ...open } = slot;
    const rootKey = openGcm(
      hkdf(stretched, salt, `hindsight 1|${id}|key/${name}`, 32),
      Buffer.alloc(12),
      Buffer.from(JSON.stringify(open)),
      Buffer.from(wrapped, "hex"),
    );
    requireEqual(proof, prove(rootKey, id, `key/${name}`, JSON.stringify({ ...open, wrapped })));
    return rootKey;
  }
  throw new Error(`there is no slot for a ${kind}`);
}

/** repository.json, which says that a holder of the root key wrote it. */
export function readRepositoryRecord(root: string, rootKey: Buffer): Record<string, unknown> {
  const { id, json } = readPlainFact(root, "repository.json");
  const { proof, ...record } = JSON.parse(json) as Record<string, unknown>;
  requireEqual(proof, prove(rootKey, id, "repository.json", JSON.stringify(record)));
  return record;
}

/** Opens the header of an object, and its frames if it has any. */
export function openObject(root: string, key: string, rootKey: Buffer): OpenedObject {
  const bytes = readFileSync(join(root, key));
  const keyLength = bytes.readUInt16LE(12);
  const fieldsLength = bytes.readUInt16LE(14);
  const id = bytes.toString("hex", 16, 32);
  const type = bytes.toString("latin1", 4, 8);
  const headerEnd = 80 + keyLength + fieldsLength + 4;
  const header = bytes.subarray(0, headerEnd);
  requireEqual(bytes[11], 1);
  requireEqual(bytes.toString("latin1", 80, 80 + keyLength), key);
  const derived = hkdf(rootKey, bytes.subarray(32, 64), `hindsight 1|${id}|${type}|${key}`, 48);
  requireEqual(derived.toString("hex", 32), bytes.toString("hex", 64, 80));
  const open = (kind: number, number: number, bound: Buffer, sealed: Buffer): Buffer =>
    openGcm(derived.subarray(0, 32), nonce(kind, number), bound, sealed);
  const before = bytes.subarray(0, 80 + keyLength);
  const fields = open(1, 0, before, bytes.subarray(80 + keyLength, headerEnd - 4));
  const frames: { tag: string; plain: Buffer }[] = [];
  for (let at = headerEnd; type !== "PACK" && at < bytes.length;) {
    const head = bytes.subarray(at, at + 12);
    const stored = bytes.subarray(at + 16, at + 16 + head.readUInt32LE(4));
    const opened = open(2, frames.length, Buffer.concat([header, head]), stored);
    const plain = bytes[10] === 1 ? zstdDecompressSync(opened) : opened;
    requireEqual(plain.length, head.readUInt32LE(8));
    frames.push({ tag: head.toString("latin1", 0, 4), plain });
    at += 16 + stored.length;
  }
  const openPiece = (kind: number, number: number, sealed: Buffer): Buffer =>
    open(kind, number, header, sealed);
  return { type, fields, frames, header, bytes, openPiece };
}

/** Opens all blobs of a pack, from its footer. */
export function openPack({ bytes, openPiece }: OpenedObject): readonly OpenedBlob[] {
  const footer = bytes.subarray(-48);
  let hashesAt = Number(footer.readBigUInt64LE(8));
  const directoryAt = Number(footer.readBigUInt64LE(16));
  const stored = bytes.subarray(directoryAt, directoryAt + footer.readUInt32LE(24));
  const directory = openPiece(5, 0, stored);
  const blobs: OpenedBlob[] = [];
  for (let at = 0; at < directory.length; at += 64) {
    const begin = Number(directory.readBigUInt64LE(at));
    const sealed = bytes.subarray(begin, begin + directory.readUInt32LE(at + 8));
    const hashesEnd = hashesAt + directory.readUInt32LE(at + 56);
    const opened = openPiece(3, blobs.length, sealed);
    blobs.push({
      plain: directory[at + 16] === 1 ? zstdDecompressSync(opened) : opened,
      sha256: directory.toString("hex", at + 24, at + 56),
      pageHashes: openPiece(4, blobs.length, bytes.subarray(hashesAt, hashesEnd)),
    });
    hashesAt = hashesEnd;
  }
  return blobs;
}

/** An object that is not sealed: 80 bytes, its key, a checksum, one frame. */
function readPlainFact(root: string, key: string): { readonly id: string; readonly json: string } {
  const bytes = readFileSync(join(root, key));
  requireEqual(bytes[11], 0);
  const frame = bytes.subarray(80 + bytes.readUInt16LE(12) + 4);
  const json = frame.toString("utf8", 16, 16 + frame.readUInt32LE(4));
  return { id: bytes.toString("hex", 16, 32), json };
}

function prove(rootKey: Buffer, id: string, key: string, json: string): string {
  const proofKey = hkdf(rootKey, Buffer.alloc(32), `hindsight 1|${id}|proof`, 32);
  return createHmac("sha256", proofKey).update(`${key}\n${json}`).digest("hex");
}

function hkdf(key: Uint8Array, salt: Uint8Array, text: string, length: number): Buffer {
  return Buffer.from(hkdfSync("sha256", key, salt, text, length));
}

function nonce(kind: number, number: number): Buffer {
  const bytes = Buffer.alloc(12);
  bytes[0] = kind;
  bytes.writeBigUInt64LE(BigInt(number), 4);
  return bytes;
}

// oxlint-disable-next-line max-params -- the four inputs of the primitive, as every library has them
function openGcm(key: Uint8Array, iv: Buffer, additional: Buffer, sealed: Buffer): Buffer {
  const cipher = createDecipheriv("aes-256-gcm", key, iv);
  cipher.setAAD(additional);
  cipher.setAuthTag(sealed.subarray(-16));
  return Buffer.concat([cipher.update(sealed.subarray(0, -16)), cipher.final()]);
}

function requireEqual(found: unknown, expected: unknown): void {
  if (found !== expected) throw new Error(`${String(found)} instead of ${String(expected)}`);
}
