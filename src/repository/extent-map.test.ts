import fc from "fast-check";
import { expect, test } from "vitest";
import { createContext } from "../base/context.ts";
import { MIB } from "../base/limits.ts";
import { parseBackupLabel } from "../model/backup-label.ts";
import {
  decodeExtentMap,
  encodeExtentMap,
  type Extent,
  findExtentFault,
  isExtentMapRef,
  packsOf,
  readExtents,
  writeExtentMap,
} from "./extent-map.ts";
import type { PackName } from "./pack-format.ts";
import { PackReader } from "./pack-reader.ts";
import { PackWriter } from "./pack-writer.ts";
import { createFixture, LABEL, STANZA } from "./repository.fixture.ts";

const OLDER = parseBackupLabel("20261120-024000F");
const PACKS: readonly PackName[] = [
  { label: LABEL, number: 0 },
  { label: OLDER, number: 7 },
  { label: LABEL, number: 1 },
];

interface Piece {
  readonly length: number;
  readonly source: Extent["source"];
}

/** Puts pieces one after the other, holes never side by side. */
function layOut(pieces: readonly Piece[]): readonly Extent[] {
  const extents: Extent[] = [];
  let fileOffsetBytes = 0;
  for (const { length, source } of pieces) {
    if (!source && extents.length > 0 && !extents.at(-1)?.source) continue;
    extents.push({ fileOffsetBytes, lengthBytes: length, source });
    fileOffsetBytes += length;
  }
  return extents;
}

const anyExtents = fc
  .array(
    fc.record({
      length: fc.integer({ min: 1, max: 2 ** 40 }),
      source: fc.option(
        fc.record({
          pack: fc.nat({ max: PACKS.length - 1 }),
          blob: fc.nat({ max: 65_535 }),
          blobOffsetBytes: fc.nat({ max: MIB - 1 }),
        }),
        { nil: undefined },
      ),
    }),
    { maxLength: 200 },
  )
  .map(layOut);

const EXAMPLE = layOut([
  { length: 3 * MIB, source: { pack: 0, blob: 4, blobOffsetBytes: 0 } },
  { length: 8192, source: undefined },
  { length: 16, source: { pack: 1, blob: 2, blobOffsetBytes: 100 } },
]);

test("golden bytes of an extent map", () => {
  expect(encodeExtentMap(EXAMPLE, PACKS).toString("hex")).toBe(
    [
      "584d4150 0100 0200 03000000", // XMAP, format 1, two packs, three extents
      "10",
      Buffer.from(OLDER).toString("hex"),
      "07000000",
      "10",
      Buffer.from(LABEL).toString("hex"),
      "00000000",
      "0000300000000000 01000000 04000000 00000000",
      "0020000000000000 ffffffff 00000000 00000000",
      "1000000000000000 00000000 02000000 64000000",
    ]
      .join("")
      .replaceAll(" ", ""),
  );
});

test("what is encoded comes back", () => {
  fc.assert(
    fc.property(anyExtents, (extents) => {
      expect(decodeExtentMap(encodeExtentMap(extents, PACKS), PACKS)).toEqual(extents);
    }),
  );
});

test("a map outlives its manifest: another table, the same packs", () => {
  const bytes = encodeExtentMap(EXAMPLE, PACKS);
  const decoded = decodeExtentMap(bytes, PACKS.toReversed());
  expect(decoded.map(({ source }) => source?.pack)).toEqual([2, undefined, 1]);
});

test("a pack that the backup does not use is damage", () => {
  const bytes = encodeExtentMap(EXAMPLE, PACKS);
  expect(() => decodeExtentMap(bytes, PACKS.slice(0, 1))).toThrow(
    expect.objectContaining({ code: "OBJECT_CORRUPT" }),
  );
});

test("no bytes make the parser do anything but answer or refuse", () => {
  const refused = (error: unknown): void =>
    expect(error).toMatchObject({
      code: expect.stringMatching(/OBJECT_CORRUPT|REPOSITORY_FORMAT_UNKNOWN/) as string,
    });
  const golden = encodeExtentMap(EXAMPLE, PACKS);
  fc.assert(
    fc.property(
      fc.oneof(
        fc.uint8Array({ maxLength: 200 }),
        fc.tuple(fc.nat({ max: golden.length - 1 }), fc.nat({ max: 255 })).map(([at, value]) => {
          const bytes = Buffer.from(golden);
          bytes.writeUInt8(value, at);
          return bytes;
        }),
        fc.nat({ max: golden.length - 1 }).map((length) => golden.subarray(0, length)),
      ),
      (bytes) => {
        try {
          const extents = decodeExtentMap(bytes, PACKS);
          const sizeBytes = extents.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
          expect(findExtentFault(extents, { sizeBytes, packCount: 3 })).toBeUndefined();
        } catch (error) {
          refused(error);
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test("an unknown format is a newer release's", () => {
  const bytes = encodeExtentMap(EXAMPLE, PACKS);
  bytes.writeUInt16LE(2, 4);
  expect(() => decodeExtentMap(bytes, PACKS)).toThrow(
    expect.objectContaining({ code: "REPOSITORY_FORMAT_UNKNOWN" }),
  );
});

test("a map that no blob can hold is refused before it is stored", () => {
  const pieces = Array.from({ length: 60_000 }, (_, at) => ({
    length: 8192,
    source: { pack: 0, blob: at, blobOffsetBytes: 0 },
  }));
  expect(() => encodeExtentMap(layOut(pieces), PACKS)).toThrow(RangeError);
});

test.each<[string, readonly Extent[], number]>([
  ["a gap", [{ fileOffsetBytes: 1, lengthBytes: 1, source: undefined }], 2],
  ["an end before the file's", [{ fileOffsetBytes: 0, lengthBytes: 1, source: undefined }], 2],
  ["an end after the file's", [{ fileOffsetBytes: 0, lengthBytes: 3, source: undefined }], 2],
  ["no length", [{ fileOffsetBytes: 0, lengthBytes: 0, source: undefined }], 0],
  ["a negative length", [{ fileOffsetBytes: 0, lengthBytes: -1, source: undefined }], -1],
  [
    "an unknown pack",
    [{ fileOffsetBytes: 0, lengthBytes: 1, source: { pack: 3, blob: 0, blobOffsetBytes: 0 } }],
    1,
  ],
  [
    "an offset past a blob",
    [{ fileOffsetBytes: 0, lengthBytes: 1, source: { pack: 0, blob: 0, blobOffsetBytes: MIB } }],
    1,
  ],
])("%s is a fault", (_what, extents, sizeBytes) => {
  expect(findExtentFault(extents, { sizeBytes, packCount: 3 })).toBeTypeOf("string");
});

test("two holes in a row are a fault: there is one way to say it", () => {
  const extents = [
    { fileOffsetBytes: 0, lengthBytes: 1, source: undefined },
    { fileOffsetBytes: 1, lengthBytes: 1, source: undefined },
  ];
  expect(findExtentFault(extents, { sizeBytes: 2, packCount: 0 })).toBeTypeOf("string");
});

test("extents are read from wherever they are", async () => {
  const { repository } = await createFixture();
  const context = createContext();
  await using writer = new PackWriter(
    repository,
    {
      stanza: STANZA,
      label: LABEL,
      nextPackNumber: () => 9,
      compression: { kind: "zstd", level: 3 },
      pageSizeBytes: 8192,
    },
    context,
  );
  const ref = await writeExtentMap(writer, EXAMPLE, PACKS);
  const [entry] = await writer.finish();
  if (!entry) throw new Error("no pack was written");
  const packs = [...PACKS, entry];
  const extents = { pack: 3, blob: ref.blob, uses: packsOf(EXAMPLE) };
  expect(isExtentMapRef(extents)).toBe(true);
  const openPack = (): Promise<PackReader> => PackReader.open(repository, STANZA, entry, context);
  const place = { packs, openPack, context };
  const sizeBytes = 3 * MIB + 8192 + 16;
  expect(await readExtents({ sizeBytes, extents }, place)).toEqual(EXAMPLE);
  expect(await readExtents({ sizeBytes, extents: EXAMPLE }, place)).toBe(EXAMPLE);
  const others = { ...extents, uses: [0] };
  for (const wrong of [
    { sizeBytes: 5, extents },
    { sizeBytes, extents: others },
  ]) {
    await expect(readExtents(wrong, place)).rejects.toMatchObject({ code: "OBJECT_CORRUPT" });
  }
});
