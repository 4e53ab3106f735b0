// Randomness as it is handed in: the system's for real runs, a seeded one for runs that must repeat.
import { randomBytes } from "node:crypto";

/** A source of random bytes and numbers. */
export interface Random {
  /** `lengthBytes` random bytes in a buffer of their own. */
  bytes(lengthBytes: number): Buffer;
  /** An integer in [begin, end). */
  integer(begin: number, end: number): number;
}

/** Cryptographically strong randomness. */
export const systemRandom: Random = {
  bytes: (lengthBytes) => randomBytes(lengthBytes),
  integer: (begin, end) =>
    begin + Math.floor((randomBytes(6).readUIntBE(0, 6) / 2 ** 48) * (end - begin)),
};

/**
 * A repeatable source: the same seed gives the same sequence (mulberry32). Never for keys.
 *
 * @param seed any integer; its low 32 bits count.
 */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    bytes: (lengthBytes) =>
      Buffer.from(Array.from({ length: lengthBytes }, () => Math.floor(next() * 256))),
    integer: (begin, end) => begin + Math.floor(next() * (end - begin)),
  };
}
