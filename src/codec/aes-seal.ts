// Sealing with AES-256-GCM. Each object has its own key, derived from the root key, a random salt and the object's place,
// so counting nonces never repeat under one key. Byte by byte: docs/repository-format.md, Sealing.
import { createCipheriv, createDecipheriv, timingSafeEqual } from "node:crypto";
import { errorMessage } from "../base/errors.ts";
import type { Random } from "../base/random.ts";
import { failure } from "../model/failure.ts";
import { deriveKey, KEY_BYTES } from "./derive-key.ts";
import {
  KEY_VALUE_BYTES,
  type ObjectSeal,
  type Piece,
  type PieceKind,
  SALT_BYTES,
  type Sealer,
  type SealMark,
} from "./seal.ts";

const CIPHER = "aes-256-gcm";
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** First byte of a piece's nonce. */
const PIECE_IDS: Readonly<Record<PieceKind, number>> = {
  fields: 1,
  frame: 2,
  blob: 3,
  hashes: 4,
  directory: 5,
};

/**
 * The sealer of a repository.
 *
 * @param rootKey 32 bytes; kept, not copied.
 */
export function createAesSealer(rootKey: Uint8Array, random: Random): Sealer {
  return {
    kind: CIPHER,
    overheadBytes: TAG_BYTES,
    begin: (place) => deriveSeal(rootKey, place, random.bytes(SALT_BYTES)),
    resume: (place, mark) => {
      const seal = deriveSeal(rootKey, place, mark.salt);
      return timingSafeEqual(seal.mark.keyValue, mark.keyValue) ? seal : undefined;
    },
  };
}

function deriveSeal(rootKey: Uint8Array, place: string, salt: Uint8Array): ObjectSeal {
  const derived = deriveKey(rootKey, {
    salt,
    purpose: place,
    lengthBytes: KEY_BYTES + KEY_VALUE_BYTES,
  });
  const keyValue = derived.subarray(KEY_BYTES);
  return new AesSeal(derived.subarray(0, KEY_BYTES), { salt, keyValue });
}

class AesSeal implements ObjectSeal {
  readonly mark: SealMark;
  readonly #key: Uint8Array;

  constructor(key: Uint8Array, mark: SealMark) {
    this.#key = key;
    this.mark = mark;
  }

  seal(plain: Uint8Array, piece: Piece): Buffer {
    return encryptGcm(plain, { key: this.#key, nonce: nonceOf(piece), bound: piece.bound });
  }

  open(sealed: Uint8Array, piece: Piece): Buffer {
    return decryptGcm(sealed, { key: this.#key, nonce: nonceOf(piece), bound: piece.bound });
  }
}

function nonceOf({ kind, number }: Piece): Buffer {
  const nonce = Buffer.alloc(NONCE_BYTES);
  nonce.writeUInt8(PIECE_IDS[kind], 0);
  nonce.writeBigUInt64LE(BigInt(number), 4);
  return nonce;
}

/** What bytes are encrypted with, and what they are bound to. */
interface GcmParameters {
  /** 32 bytes. */
  readonly key: Uint8Array;
  /** 12 bytes, never twice with one key. */
  readonly nonce: Uint8Array;
  /** Additional authenticated data. */
  readonly bound: Uint8Array;
}

/** The ciphertext, as long as `plain`, and the tag of 16 bytes. */
export function encryptGcm(plain: Uint8Array, { key, nonce, bound }: GcmParameters): Buffer {
  const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  cipher.setAAD(bound);
  return Buffer.concat([cipher.update(plain), cipher.final(), cipher.getAuthTag()]);
}

/**
 * Undoes {@link encryptGcm}. Nothing is given out before the tag was checked.
 *
 * @throws {HindsightError} `OBJECT_CORRUPT`
 */
export function decryptGcm(sealed: Uint8Array, { key, nonce, bound }: GcmParameters): Buffer {
  const tagBegin = sealed.length - TAG_BYTES;
  if (tagBegin < 0) throw failure("OBJECT_CORRUPT", "its seal is cut off");
  const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(bound);
  decipher.setAuthTag(sealed.subarray(tagBegin));
  const plain = decipher.update(sealed.subarray(0, tagBegin));
  try {
    decipher.final();
    return plain;
  } catch (cause) {
    throw failure("OBJECT_CORRUPT", `its seal is broken: ${errorMessage(cause)}`, { cause });
  }
}
