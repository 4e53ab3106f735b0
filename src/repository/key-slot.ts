// One key slot: the root key, wrapped with a passphrase or a key file. Byte by byte: docs/repository-format.md, Sealing.
// Which slots there are, and which one opens: key-slots.ts.
import { SecretBytes } from "../base/secret.ts";
import { decryptGcm, encryptGcm } from "../codec/aes-seal.ts";
import {
  deriveKey,
  KEY_BYTES,
  STRETCH_COST,
  type StretchCost,
  stretchPassphrase,
} from "../codec/derive-key.ts";
import type { ObjectKey } from "../storage/object-store.ts";
import { keySlotKey } from "./keys.ts";
import { isSameProof, proofOf, type RepositorySecret, type SecretKind } from "./root-key.ts";
import { type Json, type JsonFields, JsonShapeError } from "./strict-json.ts";

/** A slot as it is stored. */
export interface KeySlot {
  readonly name: string;
  readonly kind: SecretKind;
  readonly createdAt: Temporal.Instant;
  /** Where it was made. */
  readonly host: string;
  /** 32 bytes. */
  readonly salt: Buffer;
  /** Of a passphrase; a key file needs no stretching. */
  readonly cost: StretchCost | undefined;
  /** The root key, encrypted, and its tag. */
  readonly wrapped: Buffer;
  /** 64 hexadecimal digits, see {@link proofOf}. */
  readonly proof: string;
}

/** What a slot is made of, beside the key that it holds. */
export type NewSlot = Pick<KeySlot, "name" | "kind" | "createdAt" | "host" | "salt">;

/** Bounds of what a slot may ask of a reader: no more memory and time than a host can give. */
const COST_MAX: StretchCost = { memoryKib: 262_144, passes: 10, lanes: 16 };
/** Bounds of what a writer may have been content with. */
const COST_MIN: StretchCost = { memoryKib: 65_536, passes: 3, lanes: 1 };

const HEX_SALT = /^[0-9a-f]{64}$/;
const HEX_WRAPPED = /^[0-9a-f]{96}$/;
/** The wrapping key is used once: its salt is random. */
const NONCE = new Uint8Array(12);

/** Wraps the root key of the repository with that id. */
export async function wrapRootKey(
  rootKey: SecretBytes,
  secret: RepositorySecret,
  { id, slot }: { readonly id: string; readonly slot: NewSlot },
): Promise<KeySlot> {
  const cost = secret.kind === "passphrase" ? STRETCH_COST : undefined;
  const open = { ...slot, kind: secret.kind, cost };
  using wrappingKey = await deriveWrappingKey(secret, open, id);
  const wrapped = encryptGcm(rootKey.reveal(), {
    key: wrappingKey.reveal(),
    nonce: NONCE,
    bound: boundBytes(open),
  });
  const proof = proofOf(rootKey, placeOf(open, id), formatUnproven({ ...open, wrapped }));
  return { ...open, wrapped, proof };
}

/**
 * Takes the root key out of a slot.
 *
 * @returns undefined when the secret is not the slot's, or the slot was changed.
 */
export async function unwrapRootKey(
  slot: KeySlot,
  secret: RepositorySecret,
  id: string,
): Promise<SecretBytes | undefined> {
  if (slot.kind !== secret.kind) return undefined;
  using wrappingKey = await deriveWrappingKey(secret, slot, id);
  try {
    const key = wrappingKey.reveal();
    return new SecretBytes(
      decryptGcm(slot.wrapped, { key, nonce: NONCE, bound: boundBytes(slot) }),
    );
  } catch {
    return undefined;
  }
}

/** Whether a holder of the root key made the slot, and nobody changed it. */
export function isProven(slot: KeySlot, rootKey: SecretBytes, id: string): boolean {
  return isSameProof(slot.proof, proofOf(rootKey, placeOf(slot, id), formatUnproven(slot)));
}

async function deriveWrappingKey(
  { bytes }: RepositorySecret,
  slot: Pick<KeySlot, "name" | "salt" | "cost">,
  id: string,
): Promise<SecretBytes> {
  const { salt, cost } = slot;
  const purpose = `${id}|${keySlotKey(slot.name)}`;
  if (!cost) return new SecretBytes(deriveKey(bytes.reveal(), { salt, purpose }));
  using stretched = new SecretBytes(await stretchPassphrase(bytes.reveal(), salt, cost));
  return new SecretBytes(deriveKey(stretched.reveal(), { salt, purpose }));
}

function placeOf(
  { name }: Pick<KeySlot, "name">,
  id: string,
): { readonly id: string; readonly key: ObjectKey } {
  return { id, key: keySlotKey(name) };
}

function boundBytes(slot: Omit<KeySlot, "wrapped" | "proof">): Buffer {
  return Buffer.from(JSON.stringify(formatOpen(slot)), "utf8");
}

/** The JSON of a slot. */
export function formatSlot(slot: KeySlot): Json {
  return { ...formatUnproven(slot), proof: slot.proof };
}

function formatUnproven(slot: Omit<KeySlot, "proof">): Record<string, Json> {
  return { ...formatOpen(slot), wrapped: slot.wrapped.toString("hex") };
}

function formatOpen(slot: Omit<KeySlot, "wrapped" | "proof">): Record<string, Json> {
  const { kind, createdAt, host, salt, cost } = slot;
  return {
    kind,
    createdAt: createdAt.toString(),
    host,
    salt: salt.toString("hex"),
    ...(cost && { memoryKib: cost.memoryKib, passes: cost.passes, lanes: cost.lanes }),
  };
}

/**
 * The inverse of {@link formatSlot}.
 *
 * @throws {JsonShapeError}
 */
export function parseSlot(fields: JsonFields, name: string): KeySlot {
  const kind = parseKind(fields.text("kind"));
  return {
    name,
    kind,
    createdAt: fields.instant("createdAt"),
    host: fields.text("host"),
    salt: Buffer.from(fields.textOf("salt", HEX_SALT), "hex"),
    cost: kind === "passphrase" ? parseCost(fields) : undefined,
    wrapped: Buffer.from(fields.textOf("wrapped", HEX_WRAPPED), "hex"),
    proof: fields.sha256("proof"),
  };
}

function parseKind(text: string): SecretKind {
  if (text === "passphrase" || text === "key-file") return text;
  throw new JsonShapeError(`"${text}" is no kind of key slot`);
}

function parseCost(fields: JsonFields): StretchCost {
  const bounded = (name: keyof StretchCost): number => {
    const value = fields.integer(name, COST_MAX[name]);
    if (value >= COST_MIN[name]) return value;
    throw new JsonShapeError(`"${name}" is less than ${COST_MIN[name]}`);
  };
  return {
    memoryKib: bounded("memoryKib"),
    passes: bounded("passes"),
    lanes: bounded("lanes"),
  };
}

/** Length of the content of a key file. */
export const KEY_FILE_BYTES: number = KEY_BYTES;
