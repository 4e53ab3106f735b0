import { expect, test } from "vitest";
import { seededRandom } from "../base/random.ts";
import { createAesSealer } from "../codec/aes-seal.ts";
import type { CompressionChoice } from "../codec/compress.ts";
import { crc32c } from "../codec/digest.ts";
import { plainSealer, type Sealer } from "../codec/seal.ts";
import { createMemoryStore } from "../storage/memory.ts";
import { encodeFrame, FrameReader, type FrameTag } from "./object-frame.ts";
import { encodeObjectHeader, type ObjectHeader } from "./object-header.ts";
import { ObjectReader } from "./object-reader.ts";
import { fixedContext } from "./repository.fixture.ts";

const ZSTD: CompressionChoice = { kind: "zstd", level: 3 };
const HEADER: ObjectHeader = {
  type: "MANI",
  compression: "zstd",
  repositoryId: "00".repeat(16),
  key: "some/object",
  fields: Buffer.alloc(0),
};

/** The header, and a frame of each text. */
function encode(texts: readonly string[], sealer: Sealer = plainSealer): readonly Buffer[] {
  const { bytes, seal } = encodeObjectHeader(HEADER, sealer);
  const style = { seal, compression: ZSTD };
  const frames = texts.map((text, number) =>
    Buffer.concat(encodeFrame("FILE", Buffer.from(text), { style, number })),
  );
  return [bytes, ...frames];
}

/** The texts of as many frames as `limits` has, read from an object of these bytes. */
async function decode(
  pieces: readonly Buffer[],
  limits: readonly Partial<Record<FrameTag, number>>[],
  sealer: Sealer = plainSealer,
): Promise<readonly string[]> {
  const store = createMemoryStore();
  await store.put(HEADER.key, Buffer.concat(pieces));
  const place = { options: { windowSizeBytes: 2048 }, context: fixedContext() };
  const reader = await ObjectReader.open(store, HEADER.key, place);
  if (!reader) throw new Error("the object is gone");
  const expected = { type: "MANI", key: HEADER.key, fieldsSizeBytes: 0, sealer } as const;
  const header = reader.takeHeader({ ...expected, repositoryId: HEADER.repositoryId });
  const frameReader = new FrameReader(reader, header);
  const texts: string[] = [];
  for (const limit of limits) texts.push((await frameReader.next(limit)).plain.toString());
  await reader.expectEnd();
  return texts;
}

const NOTHING = Buffer.alloc(0);
const TWO = [{ FILE: 100_000 }, { FILE: 100_000 }];
const CORRUPT = { code: "OBJECT_CORRUPT", context: { key: HEADER.key } };

test("frames come back in order, also through a window smaller than they are", async () => {
  const noise = Array.from({ length: 20_000 }, (_, at) => String((at * 7919) % 9973)).join(",");
  expect(await decode(encode([noise.slice(0, 90_000), "second"]), TWO)).toEqual([
    noise.slice(0, 90_000),
    "second",
  ]);
});

test("frames that changed places are found, although each is whole", async () => {
  const [header = NOTHING, ...frames] = encode(["a", "b"]);
  const moved = [header, ...frames.toReversed()];
  await expect(decode(moved, TWO)).rejects.toMatchObject(CORRUPT);
});

test("a frame that is missing or repeated is found", async () => {
  const [header = NOTHING, first = NOTHING, second = NOTHING] = encode(["a", "b"]);
  await expect(decode([header, first, first], TWO)).rejects.toMatchObject(CORRUPT);
  await expect(decode([header, second], TWO)).rejects.toMatchObject(CORRUPT);
  await expect(decode([header, first], TWO)).rejects.toMatchObject(CORRUPT);
});

test("a tag that may not stand here is refused before its bytes are read", async () => {
  await expect(decode(encode(["a"]), [{ DONE: 100 }])).rejects.toMatchObject({
    ...CORRUPT,
    message: expect.stringContaining("not of a kind") as string,
  });
});

test("sizes past the limit are refused before memory is taken", async () => {
  const large = encode(["a".repeat(1000)]);
  await expect(decode(large, [{ FILE: 999 }])).rejects.toMatchObject(CORRUPT);
  const [header = NOTHING, lying = NOTHING] = encode(["a"]);
  lying.writeUInt32LE(0xffffffff, 4);
  await expect(decode([header, lying], [{ FILE: 100 }])).rejects.toMatchObject({
    ...CORRUPT,
    message: expect.stringContaining("impossible size") as string,
  });
});

test("each frame is sealed as what it is, where it is", async () => {
  const sealer = createAesSealer(Buffer.alloc(32, 7), seededRandom(1));
  const [header = NOTHING, first = NOTHING, second = NOTHING] = encode(["a", "b"], sealer);
  expect(await decode([header, first, second], TWO, sealer)).toEqual(["a", "b"]);
  // Whoever writes checksums can move a frame or rename it, but not open what came of it.
  const moved = [restamp(second, 0), restamp(first, 1)];
  const renamed = restamp(Buffer.concat([Buffer.from("DONE"), first.subarray(4)]), 0);
  const limits = [{ FILE: 100, DONE: 100 }];
  await expect(decode([header, ...moved], TWO, sealer)).rejects.toMatchObject(SEAL_BROKEN);
  await expect(decode([header, renamed], limits, sealer)).rejects.toMatchObject(SEAL_BROKEN);
  // The same frames of another write of the same object.
  const [later = NOTHING] = encode(["a", "b"], sealer);
  await expect(decode([later, first, second], TWO, sealer)).rejects.toMatchObject(SEAL_BROKEN);
});

const SEAL_BROKEN = {
  ...CORRUPT,
  message: expect.stringContaining("its seal is broken") as string,
};

/** The frame with a checksum that is right for `number`. */
function restamp(frame: Buffer, number: number): Buffer {
  const stamped = Buffer.from(frame);
  const place = Buffer.alloc(4);
  place.writeUInt32LE(number);
  const checksum = crc32c(frame.subarray(16), crc32c(frame.subarray(0, 12), crc32c(place)));
  stamped.writeUInt32LE(checksum, 12);
  return stamped;
}
