// Keys made of keys and of passphrases. Every key that Hindsight uses is derived for one purpose and used for nothing
// else; what purposes there are: docs/repository-format.md, Sealing.
import { argon2, createHmac, hkdfSync } from "node:crypto";
import { promisify } from "node:util";

/** Length of every key but a passphrase. */
export const KEY_BYTES = 32;

/** Version of the format that keys are derived for. */
const INFO_PREFIX = "hindsight 1|";

/** HKDF-SHA-256 (RFC 5869) with the info `hindsight 1|<purpose>`. */
export function deriveKey(
  key: Uint8Array,
  {
    salt,
    purpose,
    lengthBytes = KEY_BYTES,
  }: { readonly salt: Uint8Array; readonly purpose: string; readonly lengthBytes?: number },
): Buffer {
  return Buffer.from(hkdfSync("sha256", key, salt, INFO_PREFIX + purpose, lengthBytes));
}

/** What trying one passphrase costs. */
export interface StretchCost {
  readonly memoryKib: number;
  readonly passes: number;
  readonly lanes: number;
}

/** RFC 9106's second choice, 64 MiB: 0.2 to 0.3 s on a present-day core. */
export const STRETCH_COST: StretchCost = { memoryKib: 65_536, passes: 3, lanes: 4 };

const runArgon2 = promisify(argon2);

/** Argon2id 1.3 (RFC 9106): 32 bytes that cost an attacker as much for each guess. */
export async function stretchPassphrase(
  passphrase: Uint8Array,
  salt: Uint8Array,
  cost: StretchCost,
): Promise<Buffer> {
  return await runArgon2("argon2id", {
    message: passphrase,
    nonce: salt,
    memory: cost.memoryKib,
    passes: cost.passes,
    parallelism: cost.lanes,
    tagLength: KEY_BYTES,
  });
}

/** HMAC-SHA-256: 32 bytes. */
export function authenticate(key: Uint8Array, text: string): Buffer {
  return createHmac("sha256", key).update(text, "utf8").digest();
}
