// The root key of an encrypted repository: what it is opened with, and what only its holder can write. How it is kept:
// key-slot.ts. What is derived of it for each object: codec/aes-seal.ts.
import { timingSafeEqual } from "node:crypto";
import type { Context } from "../base/context.ts";
import { SecretBytes } from "../base/secret.ts";
import { authenticate, deriveKey, KEY_BYTES } from "../codec/derive-key.ts";
import type { SealKind } from "../codec/seal.ts";
import type { ObjectKey, ObjectStore } from "../storage/object-store.ts";
import type { Json } from "./strict-json.ts";

/** What a person or a host may have to open a repository with. */
export type SecretKind = "passphrase" | "key-file";

/** A passphrase, byte for byte, or the 32 bytes of a key file. */
export interface RepositorySecret {
  readonly kind: SecretKind;
  readonly bytes: SecretBytes;
}

/** The root key, and the name of the slot that it was found in. */
export interface OpenedKey {
  readonly rootKey: SecretBytes;
  readonly slot: string;
}

/** How a repository is to be opened. */
export interface RepositoryAccess {
  /** What the repository must be encrypted with. */
  readonly cipher: SealKind;
  /** Gives the secret; asked for only when a key is needed. Whoever asks disposes of the bytes. */
  readonly secret: (context: Context) => Promise<RepositorySecret>;
  /** Keys that were found before, by repository id: finding one may take a third of a second. */
  readonly opened: Map<string, OpenedKey>;
}

/** For repositories that are not encrypted. */
export const PLAIN_ACCESS: RepositoryAccess = {
  cipher: "none",
  secret: () => Promise.reject(new Error("no secret is needed")),
  opened: new Map(),
};

/** How to open an encrypted repository. */
export function createAccess(secret: RepositoryAccess["secret"]): RepositoryAccess {
  return { cipher: "aes-256-gcm", secret, opened: new Map() };
}

/** A repository as far as its keys go. */
export interface KeyPlace {
  readonly store: ObjectStore;
  readonly id: string;
}

/** Makes a root key. */
export function createRootKey({ random }: Context): SecretBytes {
  return new SecretBytes(random.bytes(KEY_BYTES));
}

/**
 * What proves that the holder of the root key wrote a record that is not sealed.
 *
 * @param value the record without its proof.
 * @returns 64 hexadecimal digits.
 */
export function proofOf(
  rootKey: SecretBytes,
  { id, key }: { readonly id: string; readonly key: ObjectKey },
  value: Json,
): string {
  const salt = Buffer.alloc(KEY_BYTES);
  const proofKey = deriveKey(rootKey.reveal(), { salt, purpose: `${id}|proof` });
  return authenticate(proofKey, `${key}\n${JSON.stringify(value)}`).toString("hex");
}

/** Compares two proofs without telling by the time it takes where they differ. */
export function isSameProof(left: string, right: string): boolean {
  return timingSafeEqual(Buffer.from(left, "hex"), Buffer.from(right, "hex"));
}
