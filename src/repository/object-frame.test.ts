import { expect, test } from "vitest";
import type { CompressionChoice } from "../codec/compress.ts";
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

function encode(texts: readonly string[], sealer: Sealer = plainSealer): readonly Buffer[] {
  const style = { header: HEADER, sealer, compression: ZSTD };
  return texts.map((text, number) =>
    Buffer.concat(encodeFrame("FILE", Buffer.from(text), { style, number })),
  );
}

/** The texts of as many frames as `limits` has, read from an object of these bytes. */
async function decode(
  frames: readonly Buffer[],
  limits: readonly Partial<Record<FrameTag, number>>[],
  sealer: Sealer = plainSealer,
): Promise<readonly string[]> {
  const store = createMemoryStore();
  await store.put(HEADER.key, Buffer.concat([encodeObjectHeader(HEADER), ...frames]));
  const place = { options: { windowSizeBytes: 2048 }, context: fixedContext() };
  const reader = await ObjectReader.open(store, HEADER.key, place);
  if (!reader) throw new Error("the object is gone");
  const expected = { type: "MANI", key: HEADER.key, fieldsSizeBytes: 0 } as const;
  const header = reader.takeHeader({ ...expected, repositoryId: HEADER.repositoryId });
  const frameReader = new FrameReader(reader, header, sealer);
  const texts: string[] = [];
  for (const limit of limits) texts.push((await frameReader.next(limit)).plain.toString());
  await reader.expectEnd();
  return texts;
}

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
  await expect(decode(encode(["a", "b"]).toReversed(), TWO)).rejects.toMatchObject(CORRUPT);
});

test("a frame that is missing or repeated is found", async () => {
  const [first = Buffer.alloc(0), second = Buffer.alloc(0)] = encode(["a", "b"]);
  await expect(decode([first, first], TWO)).rejects.toMatchObject(CORRUPT);
  await expect(decode([second], TWO)).rejects.toMatchObject(CORRUPT);
  await expect(decode([first], TWO)).rejects.toMatchObject(CORRUPT);
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
  const [lying = Buffer.alloc(0)] = encode(["a"]);
  lying.writeUInt32LE(0xffffffff, 4);
  await expect(decode([lying], [{ FILE: 100 }])).rejects.toMatchObject({
    ...CORRUPT,
    message: expect.stringContaining("impossible size") as string,
  });
});

test("each frame is sealed for its own place", async () => {
  const contexts: string[] = [];
  const turned = (bytes: Uint8Array): Uint8Array => bytes.map((byte) => byte ^ 0xff);
  const sealer: Sealer = {
    kind: "none",
    seal: (plain, context) => {
      contexts.push(context);
      return turned(plain);
    },
    open: (sealed, context) => {
      expect(context).toBe(contexts.shift());
      return turned(sealed);
    },
  };
  const frames = encode(["a", "b"], sealer);
  expect(contexts).toEqual([
    `${HEADER.repositoryId}|MANI|some/object|frame 0`,
    `${HEADER.repositoryId}|MANI|some/object|frame 1`,
  ]);
  expect(await decode(frames, TWO, sealer)).toEqual(["a", "b"]);
});
