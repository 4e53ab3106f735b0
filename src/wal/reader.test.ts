import fc from "fast-check";
import { expect, test } from "vitest";
import { formatLsn, type Lsn, lsn, parseLsn } from "../model/lsn.ts";
import { systemIdentifier } from "../model/system-identifier.ts";
import { readRecords, type WalEnd, WalReader, type WalStart } from "./reader.ts";
import { recordEndLsn, recordLsn } from "./record.ts";
import {
  filler,
  PAGE_SIZE,
  SEGMENT_SIZE,
  SYSTEM_IDENTIFIER,
  transactionEnd,
  WalBuilder,
} from "./wal.fixture.ts";

interface Reading {
  readonly records: readonly {
    readonly begin: Lsn;
    readonly end: Lsn;
    readonly totalBytes: number;
  }[];
  readonly end: WalEnd;
}

const FIRST = lsn(BigInt(SEGMENT_SIZE));

async function read(
  segments: ReadonlyMap<bigint, Buffer>,
  start: Partial<WalStart> = {},
): Promise<Reading> {
  const records: { begin: Lsn; end: Lsn; totalBytes: number }[] = [];
  const end = await readRecords(
    {
      begin: FIRST,
      segmentSizeBytes: SEGMENT_SIZE,
      layout: { majorVersion: 18, blockSizeBytes: 8192 },
      ...start,
    },
    (number) => Promise.resolve(segments.get(number)),
    (record) =>
      records.push({
        begin: recordLsn(record),
        end: recordEndLsn(record),
        totalBytes: record.totalBytes,
      }),
  );
  return { records, end };
}

/** One record for every shape of boundary: split headers, several pages, several segments, exact fits, a switch. */
function longWal(): { builder: WalBuilder; written: { begin: Lsn; end: Lsn }[] } {
  const builder = new WalBuilder();
  const written = [builder.append(filler(100))];
  for (const available of [8, 16, 24, 32, 40]) {
    builder.fillPage(available);
    written.push(builder.append(filler(97)));
  }
  written.push(
    builder.append(filler(3 * PAGE_SIZE)),
    builder.append(filler(2 * SEGMENT_SIZE + 77)),
  );
  return { builder, written };
}

test("records over page and segment boundaries are each visited once, where they were written", async () => {
  const { builder, written } = longWal();
  const { records, end } = await read(builder.segments());
  const begins = records.map(({ begin }) => begin);
  expect(new Set(begins).size).toBe(begins.length);
  expect(records).toEqual(
    expect.arrayContaining(written.map((record) => expect.objectContaining(record))),
  );
  expect(end).toMatchObject({ reason: "zeros", lsn: builder.position });
});

test("a reader goes on with what another one left at the end of any segment", () => {
  const { builder } = longWal();
  const segments = builder.segments();
  const numbers = [...segments.keys()];
  const readAll = (isResumed: boolean): readonly Lsn[] => {
    const found: Lsn[] = [];
    const start = {
      segmentSizeBytes: SEGMENT_SIZE,
      layout: { majorVersion: 18, blockSizeBytes: 8192 },
    };
    let reader = new WalReader({ ...start, begin: FIRST });
    for (const number of numbers) {
      if (isResumed && number > 1n) {
        const begin = lsn(number * BigInt(SEGMENT_SIZE));
        reader = new WalReader({ ...start, begin, resume: reader.rest });
      }
      reader.read(segments.get(number) as Buffer, (record) => found.push(recordEndLsn(record)));
    }
    return found;
  };
  expect(readAll(true)).toEqual(readAll(false));
  expect(numbers.length).toBeGreaterThan(2);
});

test("WAL ends with the last whole record when the archive has no further segment", async () => {
  const { builder, written } = longWal();
  const segments = builder.segments();
  const last = [...segments.keys()].at(-1) as bigint;
  segments.delete(last);
  const { end } = await read(segments);
  expect(end).toEqual({
    reason: "segmentMissing",
    lsn: written.at(-1)?.begin,
    segmentNumber: last,
  });
});

test("nothing behind a switch record is read, and WAL goes on with the next segment", async () => {
  const builder = new WalBuilder();
  builder.append(filler(100));
  builder.switchSegment();
  const second = builder.append(transactionEnd("commit", 4, "2025-01-01T00:00:00Z"));
  const segments = builder.segments();
  segments.get(1n)?.fill(0xff, PAGE_SIZE);
  const { records } = await read(segments);
  expect(records).toHaveLength(3);
  expect(formatLsn(records[1]?.end as Lsn)).toBe("0/200000");
  expect(records[2]).toMatchObject(second);
});

test("a record that a crash cut off and that was overwritten is passed over", async () => {
  const builder = new WalBuilder();
  builder.fillPage(200);
  const cut = builder.appendCut(filler(1000));
  builder.overwrite();
  const next = builder.append(filler(50));
  const { records, end } = await read(builder.segments());
  expect(records.map(({ begin }) => begin)).not.toContain(cut);
  expect(records.at(-1)).toMatchObject(next);
  expect(end).toMatchObject({ reason: "zeros", lsn: next.end });
});

test("a record that a crash cut off ends WAL where it begins", async () => {
  const builder = new WalBuilder();
  builder.fillPage(200);
  const cut = builder.appendCut(filler(1000));
  builder.append(filler(50));
  expect((await read(builder.segments())).end).toMatchObject({
    reason: "continuationMissing",
    lsn: cut,
  });
});

test("reading can begin at any record, at a page, and at a page inside a record", async () => {
  const { builder } = longWal();
  const segments = builder.segments();
  const all = (await read(segments)).records;
  for (const record of all) {
    expect((await read(segments, { begin: record.begin })).records[0]).toEqual(record);
  }
  const second = lsn(FIRST + BigInt(SEGMENT_SIZE));
  expect((await read(segments, { begin: second })).end.reason).toBe("position");
  const { records } = await read(segments, { begin: second, skipsRest: true });
  expect(records).toEqual(all.filter(({ begin }) => begin >= second));
});

test.each([0x7fff_ffff, 0x8000_0000, 0xffff_ffff])(
  "a rest of %i bytes fills the page where reading begins, and the next one",
  async (remainingBytes) => {
    const { builder } = longWal();
    const segments = builder.segments();
    segments.get(2n)?.writeUInt32LE(remainingBytes, 16);
    const begin = lsn(FIRST + BigInt(SEGMENT_SIZE));
    const whole = (await read(builder.segments(), { begin, skipsRest: true })).records;
    expect((await read(segments, { begin, skipsRest: true })).records).toEqual(whole);
  },
);

test("a younger timeline may follow, an older one may not", async () => {
  const builder = new WalBuilder();
  builder.append(filler(PAGE_SIZE));
  builder.promote(2);
  builder.append(filler(PAGE_SIZE));
  const good = builder.position;
  expect((await read(builder.segments())).end).toMatchObject({ reason: "zeros", lsn: good });
  builder.promote(1);
  const cut = builder.append(filler(PAGE_SIZE));
  expect((await read(builder.segments())).end).toMatchObject({
    reason: "pageTimeline",
    lsn: cut.begin,
  });
});

test.each<[string, (segment: Buffer) => unknown]>([
  ["length", (segment) => segment.writeUInt32LE(23, 40 + 104)],
  ["resourceManager", (segment) => (segment[40 + 104 + 17] = 22)],
  ["previousLink", (segment) => (segment[40 + 104 + 8] = 1)],
  ["checksum", (segment) => (segment[40 + 104 + 30] = 1)],
])("a damaged record ends WAL before it: %s", async (reason, damage) => {
  const builder = new WalBuilder();
  const first = builder.append(filler(100));
  builder.append(filler(100));
  const segments = builder.segments();
  damage(segments.get(1n) as Buffer);
  expect((await read(segments)).end).toEqual({ reason, lsn: first.end, segmentNumber: 1n });
});

test("without checksums the same records are read, also from bytes that only a checksum could tell", async () => {
  const { builder } = longWal();
  const segments = builder.segments();
  const whole = await read(segments);
  const start = { verifiesChecksums: false };
  expect(await read(segments, start)).toEqual(whole);
  // A byte inside the main data of the first record.
  segments.get(1n)?.writeUInt8(0x62, 40 + 90);
  const damaged = await read(segments);
  expect(damaged.end).toMatchObject({ reason: "checksum", lsn: whole.records[0]?.begin });
  expect(await read(segments, start)).toEqual(whole);
});

test.each<[string, (segment: Buffer) => unknown]>([
  ["zeros", (segment) => segment.fill(0, PAGE_SIZE)],
  ["pageMagic", (segment) => (segment[PAGE_SIZE] = 0x16)],
  ["pageFlags", (segment) => (segment[PAGE_SIZE + 3] = 0x40)],
  ["pageAddress", (segment) => (segment[PAGE_SIZE + 12] = 9)],
  ["continuationLength", (segment) => (segment[PAGE_SIZE + 16] = 9)],
])("a damaged page ends WAL before the record that goes on there: %s", async (reason, damage) => {
  const builder = new WalBuilder();
  const first = builder.append(filler(100));
  builder.append(filler(PAGE_SIZE));
  const segments = builder.segments();
  damage(segments.get(1n) as Buffer);
  expect((await read(segments)).end).toMatchObject({ reason, lsn: first.end });
});

test("a segment of another cluster ends WAL before it", async () => {
  const builder = new WalBuilder();
  builder.switchSegment();
  builder.append(filler(100));
  const segments = builder.segments();
  segments.get(2n)?.writeBigUInt64LE(5n, 24);
  const start = { systemIdentifier: systemIdentifier(SYSTEM_IDENTIFIER) };
  expect((await read(segments, start)).end).toMatchObject({
    reason: "pageOwner",
    lsn: parseLsn("0/200000"),
    segmentNumber: 2n,
  });
});

test.each([
  [14, 0x3fff_dfff, "continuationLength"],
  [14, 0x3fff_e000, "length"],
  [15, 0x3fff_dfff, "continuationLength"],
  [16, 0x3fc0_0000, "continuationLength"],
  [16, 0x3fc0_0001, "length"],
  [18, 0x3fff_dfff, "length"],
])(
  "in %i the length of a record is judged: %i bytes, %s",
  async (majorVersion, totalBytes, reason) => {
    const builder = new WalBuilder({ majorVersion });
    builder.fillPage(48);
    const { begin } = builder.append(filler(100));
    const segments = builder.segments();
    segments.get(1n)?.writeUInt32LE(totalBytes, Number(begin) % SEGMENT_SIZE);
    const start = { layout: { majorVersion, blockSizeBytes: 8192 } };
    expect((await read(segments, start)).end.reason).toBe(reason);
  },
);

test.each([0, 1, 3, 512, 8191, 131_072, 0xffff_ffff])(
  "a first page of a segment that claims pages of %i bytes ends WAL before it",
  async (sizeBytes) => {
    const builder = new WalBuilder();
    builder.append(filler(100));
    const segments = builder.segments();
    segments.get(1n)?.writeUInt32LE(sizeBytes, 36);
    expect((await read(segments)).end).toMatchObject({ reason: "pageOwner", segmentNumber: 1n });
  },
);

/** Where damage does most: anywhere, in the header of the first page, in the header of any page. */
const DAMAGED_OFFSET = fc.oneof(
  fc.nat(SEGMENT_SIZE - 1),
  fc.nat(39),
  fc
    .tuple(fc.nat(SEGMENT_SIZE / PAGE_SIZE - 1), fc.nat(23))
    .map(([page, offset]) => page * PAGE_SIZE + offset),
);

test("any damage leaves the records before it as they were, and never more than there are", async () => {
  const { builder } = longWal();
  const whole = (await read(builder.segments())).records;
  const change = fc.tuple(fc.constantFrom(1n, 2n, 3n), DAMAGED_OFFSET, fc.nat(255));
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 20 }), async (changes) => {
      const segments = builder.segments();
      for (const [number, offset, value] of changes) {
        (segments.get(number) as Buffer)[offset] = value;
      }
      const { records } = await read(segments);
      expect(records).toEqual(whole.slice(0, records.length));
    }),
    { numRuns: 150, interruptAfterTimeLimit: 10_000 },
  );
});
