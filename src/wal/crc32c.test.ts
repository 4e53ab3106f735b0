import { crc32c } from "@node-rs/crc32";
import fc from "fast-check";
import { expect, test } from "vitest";
import { extendCrc32c } from "./crc32c.ts";

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}

test("the check value of CRC-32C", () => {
  expect(extendCrc32c(0, viewOf(Buffer.from("123456789")), 0, 9)).toBe(0xe3069283 | 0);
});

test("agrees with the library for every length and offset, in one piece and in two", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 900 }), fc.nat(900), fc.nat(900), (bytes, one, two) => {
      const [begin, cut] = [one, two]
        .map((place) => Math.min(place, bytes.length))
        .toSorted((left, right) => left - right) as [number, number];
      const expected = crc32c(bytes.subarray(begin)) | 0;
      expect(extendCrc32c(0, viewOf(bytes), begin, bytes.length)).toBe(expected);
      const first = extendCrc32c(0, viewOf(bytes), begin, cut);
      expect(extendCrc32c(first, viewOf(bytes), cut, bytes.length)).toBe(expected);
    }),
  );
});
