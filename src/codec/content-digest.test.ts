import { createHash } from "node:crypto";
import { expect, test } from "vitest";
import { ContentDigest } from "./content-digest.ts";

const sha256 = (text: string | Buffer): Buffer => createHash("sha256").update(text).digest();

test("content of one chunk has its plain SHA-256", () => {
  const digest = new ContentDigest();
  digest.add(sha256("abc"));
  expect(digest.finish()).toBe(sha256("abc").toString("hex"));
});

test("empty content has the SHA-256 of nothing", () => {
  expect(new ContentDigest().finish()).toBe(sha256("").toString("hex"));
});

test("longer content hashes the hashes of its chunks, in order", () => {
  const digest = new ContentDigest();
  digest.add(sha256("first"));
  digest.add(sha256("second"));
  expect(digest.finish()).toBe(
    sha256(Buffer.concat([sha256("first"), sha256("second")])).toString("hex"),
  );
});
