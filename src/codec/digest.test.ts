import fc from "fast-check";
import { expect, test } from "vitest";
import { crc32c, pageHashes, sha256 } from "./digest.ts";

test("published check values", () => {
  const digits = Buffer.from("123456789");
  expect(crc32c(digits)).toBe(0xe3069283);
  expect(sha256(Buffer.from("abc")).toString("hex")).toBe(
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
  );
  const hash = pageHashes(digits, 8192);
  expect(hash.readUInt32LE(0)).toBe(0xe3069283);
  expect(hash.readUInt32LE(4)).toBe(0xcbf43926);
});

test("a checksum goes on where it stopped", () => {
  fc.assert(
    fc.property(fc.uint8Array(), fc.uint8Array(), (left, right) => {
      const whole = crc32c(Buffer.concat([left, right]));
      expect(crc32c(right, crc32c(left))).toBe(whole);
    }),
  );
});

test("each page has its own hash, the last may be short", () => {
  const plain = Buffer.concat([Buffer.alloc(512, 1), Buffer.alloc(512, 2), Buffer.alloc(10, 3)]);
  const before = pageHashes(plain, 512);
  expect(before).toHaveLength(24);
  plain[600] = 9;
  const after = pageHashes(plain, 512);
  expect(after.subarray(0, 8)).toEqual(before.subarray(0, 8));
  expect(after.subarray(8, 16)).not.toEqual(before.subarray(8, 16));
  expect(after.subarray(16)).toEqual(before.subarray(16));
  expect(pageHashes(Buffer.alloc(0), 512)).toHaveLength(0);
});
