import fc from "fast-check";
import { expect, test } from "vitest";
import { expandPglz } from "./pglz.ts";

/** One byte, or a copy of what is `distance` before. */
type Item = number | { readonly distance: number; readonly length: number };

const items: fc.Arbitrary<Item[]> = fc.array(
  fc.oneof(
    fc.nat(255),
    fc.record({
      distance: fc.integer({ min: 1, max: 0xfff }),
      length: fc.integer({ min: 3, max: 273 }),
    }),
  ),
  { minLength: 1, maxLength: 60 },
);

/** Writes items as pglz has them, and what they mean, the slow and plain way. */
function pack(list: readonly Item[]): { readonly packed: Uint8Array; readonly plain: Uint8Array } {
  const packed: number[] = [];
  const plain: number[] = [];
  let control = 0;
  for (const [index, wanted] of list.entries()) {
    // A copy from before the beginning becomes a byte.
    const isCopy = typeof wanted !== "number" && wanted.distance <= plain.length;
    if (index % 8 === 0) control = packed.push(0) - 1;
    if (!isCopy) {
      const byte = typeof wanted === "number" ? wanted : 0x55;
      packed.push(byte);
      plain.push(byte);
      continue;
    }
    packed[control]! |= 1 << (index % 8);
    const { distance, length } = wanted;
    packed.push(((distance >> 8) << 4) | Math.min(length - 3, 15), distance & 0xff);
    if (length >= 18) packed.push(length - 18);
    for (let count = 0; count < length; count += 1) plain.push(plain[plain.length - distance]!);
  }
  return { packed: Uint8Array.from(packed), plain: Uint8Array.from(plain) };
}

test("fixed bytes: three of their own, a run, and a long copy", () => {
  const packed = Uint8Array.from([0b11000, 0x61, 0x62, 0x63, 0x02, 0x01, 0x0f, 0x03, 0x02]);
  const plain = new Uint8Array(3 + 5 + 20);
  expect(expandPglz(packed, plain)).toBe(true);
  expect(Buffer.from(plain).toString()).toBe(`ab${"c".repeat(26)}`);
});

test("what is packed comes back", () => {
  fc.assert(
    fc.property(items, (list) => {
      const { packed, plain } = pack(list);
      const found = new Uint8Array(plain.length);
      expect(expandPglz(packed, found)).toBe(true);
      expect(found).toEqual(plain);
    }),
  );
});

test("data that are too short, too long or cut off are refused", () => {
  fc.assert(
    fc.property(items, (list) => {
      const { packed, plain } = pack(list);
      expect(expandPglz(packed, new Uint8Array(plain.length + 1))).toBe(false);
      expect(expandPglz(packed.subarray(0, -1), new Uint8Array(plain.length))).toBe(false);
      expect(expandPglz(Uint8Array.from([...packed, 0, 0]), plain.slice())).toBe(false);
    }),
  );
});

test("hostile data end soon and stay inside", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), fc.nat(9000), (packed, length) => {
      expect(typeof expandPglz(packed, new Uint8Array(length))).toBe("boolean");
    }),
    { numRuns: 2000, interruptAfterTimeLimit: 10_000 },
  );
});
