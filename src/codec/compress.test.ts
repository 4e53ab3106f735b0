import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { expect, test } from "vitest";
import { type Compression, compress, COMPRESSIONS, expand, expandAside } from "./compress.ts";

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

test.each(COMPRESSIONS)(
  "%s is expanded aside with the same result, and as strictly",
  async (kind) => {
    const plain = Buffer.alloc(200_000, "abc");
    const stored = compress(plain, choice(kind));
    expect((await expandAside(stored, kind, plain.length)).equals(plain)).toBe(true);
    const corrupt = expect.objectContaining({ code: "OBJECT_CORRUPT" });
    for (const size of [0, 199_999, 200_001]) {
      await expect(expandAside(stored, kind, size)).rejects.toThrow(corrupt);
    }
    if (kind === "none") return;
    await expect(expandAside(Buffer.alloc(100, 7), kind, 10)).rejects.toThrow(corrupt);
  },
);

test("a bomb is stopped at the promised size", () => {
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
  const before = process.memoryUsage().arrayBuffers;
  expect(() => expand(bomb, "gzip", 1000)).toThrow("cannot be expanded to 1000 bytes");
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(8 * 1024 * 1024);
});

test.each(["zstd", "gzip", "lz4"] as const)("%s refuses bytes that are not its own", (kind) => {
  expect(() => expand(Buffer.from("not compressed at all"), kind, 10)).toThrow(
    expect.objectContaining({ code: "OBJECT_CORRUPT" }),
  );
});

test("lz4 is not believed how much it holds", () => {
  const stored = compress(Buffer.alloc(1000, "abc"), { kind: "lz4", level: 0 });
  stored.writeUInt32LE(0xfffffff0, 0);
  expect(() => expand(stored, "lz4", 1000)).toThrow("cannot be expanded to 1000 bytes");
  stored.writeUInt32LE(1000, 0);
  expect(expand(stored, "lz4", 1000).length).toBe(1000);
  stored.fill(0xff, 4);
  expect(() => expand(stored, "lz4", 1000)).toThrow("cannot be expanded to 1000 bytes");
});

test.each(["zstd", "gzip"] as const)("%s holds no more memory than its result", (kind) => {
  const plain = Buffer.alloc(1024 * 1024, "abc");
  const stored = compress(plain, choice(kind));
  expect(stored.buffer.byteLength).toBe(stored.length);
  expect(expand(stored, kind, plain.length).equals(plain)).toBe(true);
});

test("zstd's level -1, which Node cannot be told, is 1 and not the default of 3", () => {
  const lines = Array.from(
    { length: 20_000 },
    (_, row) => `${row}\t${row * row}\tname ${row % 7}\n`,
  );
  const [one, three, minusOne] = [1, 3, -1].map((level) =>
    compress(Buffer.from(lines.join("")), { kind: "zstd", level }),
  );
  expect(minusOne).toEqual(one);
  expect(three).not.toEqual(one);
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

test.each(COMPRESSIONS)("results of %s can move to another thread, in either direction", (kind) => {
  const plain = Buffer.alloc(512 * 1024);
  for (let at = 0; at < plain.length; at += 4)
    plain.writeUInt32LE(Math.imul(at, 2654435761) >>> 0, at);
  const stored = compress(plain, { kind, level: 1 });
  const expanded = expand(stored, kind, plain.length);
  expect(expanded.equals(plain)).toBe(true);
  for (const buffer of new Set([expanded.buffer, stored.buffer])) {
    const { byteLength } = buffer;
    const moved = structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
    expect([moved.byteLength, buffer.byteLength]).toEqual([byteLength, 0]);
  }
});
