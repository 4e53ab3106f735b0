// Every kind of damage that a stored object can suffer: bits that flipped at seeded places, a cut at every sixteenth,
// nothing left at all, and bytes that do not belong to it.
import type { Random } from "../../src/base/random.ts";

/** One way to damage an object. */
export interface Damage {
  /** Says what and where, for messages. */
  readonly title: string;
  readonly bytes: Buffer;
}

/**
 * The damaged forms of an object.
 *
 * @param flips how many of them have one bit flipped; the first and the last byte are always among them.
 */
export function damagesOf(
  original: Buffer,
  { random, flips }: { readonly random: Random; readonly flips: number },
): readonly Damage[] {
  const offsets = Array.from({ length: flips - 2 }, () => random.integer(0, original.length));
  const cuts = Array.from({ length: 15 }, (_, index) =>
    Math.floor((original.length * (index + 1)) / 16),
  );
  return [
    ...[0, original.length - 1, ...offsets].map((offset) =>
      flipped(original, offset, random.integer(0, 8)),
    ),
    ...cuts.map((size) => ({ title: `cut to ${size} bytes`, bytes: original.subarray(0, size) })),
    { title: "of no bytes", bytes: Buffer.alloc(0) },
    { title: "with a byte after its end", bytes: Buffer.concat([original, Buffer.alloc(1)]) },
    { title: "twice in a row", bytes: Buffer.concat([original, original]) },
  ];
}

/** The object with one bit flipped. */
export function flipped(original: Buffer, offset: number, bit: number): Damage {
  const bytes = Buffer.from(original);
  bytes.writeUInt8(bytes.readUInt8(offset) ^ (1 << bit), offset);
  return { title: `with bit ${bit} of byte ${offset} flipped`, bytes };
}
