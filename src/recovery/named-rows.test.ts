import { expect, test } from "vitest";
import { LSN_ZERO } from "../model/lsn.ts";
import { relation } from "../repository/catalogue.fixture.ts";
import { bookWith, countsOf, file, type RowsDraft, SCHEMA } from "./find.fixture.ts";
import { nameRows } from "./named-rows.ts";

const [LEFT, RIGHT, TOAST, OTHER, UNKNOWN, THIRD] = [
  17_001, 17_002, 17_003, 17_004, 17_005, 17_009,
];
const [UP, DOWN, DEEP] = [17_006, 17_007, 17_008];
const parent = relation({ oid: 20_100, relfilenode: 0, name: "parts", kind: "p" });
const half = { relfilenode: 0, name: "half", kind: "p", parents: [parent.oid] };
const second = relation({ oid: 20_200, relfilenode: 0, name: "others", kind: "p" });
const book = bookWith([
  parent,
  relation({ oid: 20_101, relfilenode: LEFT, name: "left", parents: [parent.oid] }),
  relation({ oid: 20_102, relfilenode: RIGHT, name: "right", parents: [parent.oid] }),
  relation({ oid: 20_103, relfilenode: TOAST, name: "toast", kind: "t", schema: SCHEMA.toast }),
  relation({ oid: 20_104, relfilenode: OTHER, name: "other" }),
  relation({ oid: 20_106, relfilenode: THIRD, name: "third", parents: [parent.oid] }),
  relation({ oid: 20_110, ...half }),
  relation({ oid: 20_111, relfilenode: DEEP, name: "deep", parents: [20_110] }),
  second,
  relation({ oid: 20_201, relfilenode: UP, name: "up", parents: [second.oid] }),
  relation({ oid: 20_202, relfilenode: DOWN, name: "down", parents: [second.oid] }),
]);

/** What is said of rows, by the name of their relation, without what is 0. */
function settled(...drafts: readonly RowsDraft[]): Record<string, Record<string, number>> {
  const rows = drafts.map((draft) => ({ file: draft.file, rows: countsOf(draft) }));
  return Object.fromEntries(
    nameRows(rows, LSN_ZERO, book).map(({ identity, rows: counts }) => [
      identity?.name ?? "?",
      Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== 0)),
    ]),
  );
}

test("rows get the names of their files, and stay as they are when none moved", () => {
  expect(
    settled({ file: file(OTHER), inserted: 3, pages: 1 }, { file: file(UNKNOWN), deleted: 2 }),
  ).toEqual({ other: { inserted: 3, pages: 1 }, "?": { deleted: 2 } });
});

test("as many insertions into other partitions as rows moved out are the moved rows", () => {
  expect(settled({ file: file(LEFT), movedOut: 4 }, { file: file(RIGHT), inserted: 13 })).toEqual({
    left: { movedOut: 4 },
    right: { movedIn: 4, inserted: 9 },
  });
});

test("rows that a trigger of the partition writes elsewhere stay insertions", () => {
  expect(
    settled(
      { file: file(LEFT), movedOut: 10 },
      { file: file(OTHER), inserted: 10 },
      { file: file(RIGHT), inserted: 10 },
    ),
  ).toEqual({ left: { movedOut: 10 }, other: { inserted: 10 }, right: { movedIn: 10 } });
});

test("rows that a trigger of the partition keeps out came in nowhere", () => {
  expect(settled({ file: file(LEFT), movedOut: 5 }, { file: file(OTHER), inserted: 7 })).toEqual({
    left: { movedOut: 5 },
    other: { inserted: 7 },
  });
});

test("moves within one table say nothing of insertions into the partitions of another", () => {
  expect(
    settled(
      { file: file(LEFT), movedOut: 5 },
      { file: file(RIGHT), inserted: 2 },
      { file: file(UP), movedOut: 1 },
      { file: file(DOWN), inserted: 7 },
    ),
  ).toEqual({
    left: { movedOut: 5 },
    right: { movedIn: 2 },
    up: { movedOut: 1 },
    down: { movedIn: 1, inserted: 6 },
  });
});

test("rows move between partitions of different depth", () => {
  expect(settled({ file: file(DEEP), movedOut: 3 }, { file: file(RIGHT), inserted: 3 })).toEqual({
    deep: { movedOut: 3 },
    right: { movedIn: 3 },
  });
});

test("rows of a TOAST table are none of them", () => {
  expect(
    settled(
      { file: file(LEFT), movedOut: 2 },
      { file: file(TOAST), inserted: 8 },
      { file: file(RIGHT), inserted: 5 },
    ),
  ).toEqual({
    left: { movedOut: 2 },
    toast: { inserted: 8 },
    right: { movedIn: 2, inserted: 3 },
  });
});

test("a half is not looked for below other tables, nor in the partition that the row left", () => {
  expect(
    settled(
      { file: file(LEFT), movedOut: 2, inserted: 7 },
      { file: file(OTHER), inserted: 5 },
      { file: file(UNKNOWN), inserted: 5 },
    ),
  ).toEqual({ left: { movedOut: 2, inserted: 7 }, other: { inserted: 5 }, "?": { inserted: 5 } });
});

test("no more rows come in than went out, whichever partitions they may have come into", () => {
  expect(
    settled(
      { file: file(LEFT), movedOut: 5 },
      { file: file(RIGHT), inserted: 3 },
      { file: file(THIRD), inserted: 9 },
    ),
  ).toEqual({
    left: { movedOut: 5 },
    right: { movedIn: 3 },
    third: { movedIn: 2, inserted: 7 },
  });
});

test("rows that go both ways are settled on either side", () => {
  expect(
    settled(
      { file: file(LEFT), movedOut: 3, inserted: 2 },
      { file: file(RIGHT), movedOut: 2, inserted: 4 },
    ),
  ).toEqual({
    left: { movedOut: 3, movedIn: 2 },
    right: { movedOut: 2, movedIn: 3, inserted: 1 },
  });
});
