import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Compression, compress, COMPRESSIONS, expand } from "./compress.ts";

const choice = (kind: Compression) => ({ kind, level: kind === "gzip" ? 6 : 3 });

test.each(COMPRESSIONS)("%s gives back what it got", (kind) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 5000 }), (plain) => {
      const stored = compress(plain, choice(kind));
      expect(expand(stored, kind, plain.length)).toEqual(Buffer.from(plain));
    }),
    { numRuns: 50 },
  );
});

test.each(COMPRESSIONS)("%s refuses another size than was promised", (kind) => {
  const stored = compress(Buffer.alloc(1000, "abc"), choice(kind));
  for (const size of [0, 1, 999, 1001, 100_000]) {
    expect(() => expand(stored, kind, size)).toThrow(
      expect.objectContaining({ code: "OBJECT_CORRUPT" }),
    );
  }
});

test("a bomb is stopped at the promised size", () => {
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
  const before = process.memoryUsage().arrayBuffers;
  expect(() => expand(bomb, "gzip", 1000)).toThrow("cannot be expanded to 1000 bytes");
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024);
});

test.each(["zstd", "gzip"] as const)("%s refuses bytes that are not its own", (kind) => {
  expect(() => expand(Buffer.from("not compressed at all"), kind, 10)).toThrow(
    expect.objectContaining({ code: "OBJECT_CORRUPT" }),
  );
});

test("none copies, so that the caller may reuse its buffer", () => {
  const plain = Buffer.from("before");
  const stored = compress(plain, { kind: "none", level: 0 });
  plain.fill("x");
  expect(stored.toString()).toBe("before");
});

test("the level is obeyed", () => {
  const plain = Buffer.from(Array.from({ length: 50_000 }, (_, at) => (at * at) % 251));
  const fast = compress(plain, { kind: "gzip", level: 0 });
  const small = compress(plain, { kind: "gzip", level: 9 });
  expect(small.length).toBeLessThan(fast.length / 10);
});
