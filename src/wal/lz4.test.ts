import fc from "fast-check";
import { expect, test } from "vitest";
import { expandLz4 } from "./lz4.ts";

/** Literals, then a copy of what is `distance` before; the last sequence has none. */
interface Sequence {
  readonly literals: Uint8Array;
  readonly distance: number;
  readonly length: number;
}

const sequences: fc.Arbitrary<Sequence[]> = fc.array(
  fc.record({
    literals: fc.uint8Array({ minLength: 1, maxLength: 300 }),
    distance: fc.integer({ min: 1, max: 0xffff }),
    length: fc.integer({ min: 4, max: 600 }),
  }),
  { minLength: 1, maxLength: 12 },
);

const extension = (length: number): readonly number[] =>
  length < 15
    ? []
    : [...Array<number>(Math.floor((length - 15) / 255)).fill(255), (length - 15) % 255];

/** Writes sequences as a block, and what they mean, the slow and plain way. */
function pack(list: readonly Sequence[]): {
  readonly packed: Uint8Array;
  readonly plain: Uint8Array;
} {
  const packed: number[] = [];
  const plain: number[] = [];
  for (const [index, { literals, distance: wanted, length }] of list.entries()) {
    const isLast = index === list.length - 1;
    const more = isLast ? 0 : length - 4;
    packed.push((Math.min(literals.length, 15) << 4) | Math.min(more, 15));
    packed.push(...extension(literals.length), ...literals);
    plain.push(...literals);
    if (isLast) continue;
    const distance = Math.min(wanted, plain.length);
    packed.push(distance & 0xff, distance >> 8, ...extension(more));
    for (let count = 0; count < length; count += 1) plain.push(plain[plain.length - distance]!);
  }
  return { packed: Uint8Array.from(packed), plain: Uint8Array.from(plain) };
}

test("fixed bytes: literals, a run, literals", () => {
  const packed = Uint8Array.from([0x34, 0x61, 0x62, 0x63, 0x01, 0x00, 0x10, 0x64]);
  const plain = new Uint8Array(3 + 8 + 1);
  expect(expandLz4(packed, plain)).toBe(true);
  expect(Buffer.from(plain).toString()).toBe(`ab${"c".repeat(9)}d`);
});

test("what is packed comes back", () => {
  fc.assert(
    fc.property(sequences, (list) => {
      const { packed, plain } = pack(list);
      const found = new Uint8Array(plain.length);
      expect(expandLz4(packed, found)).toBe(true);
      expect(found).toEqual(plain);
    }),
  );
});

test("blocks that are too short, too long or cut off are refused", () => {
  fc.assert(
    fc.property(sequences, (list) => {
      const { packed, plain } = pack(list);
      expect(expandLz4(packed, new Uint8Array(plain.length + 1))).toBe(false);
      expect(expandLz4(packed, new Uint8Array(plain.length - 1))).toBe(false);
      expect(expandLz4(packed.subarray(0, -1), new Uint8Array(plain.length))).toBe(false);
    }),
  );
});

test("hostile blocks end soon and stay inside", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(9000), (packed, length) => {
      expect(typeof expandLz4(packed, new Uint8Array(length))).toBe("boolean");
    }),
    { numRuns: 2000, interruptAfterTimeLimit: 10_000 },
  );
});
