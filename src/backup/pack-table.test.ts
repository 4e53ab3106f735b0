import { expect, test } from "vitest";
import { parseBackupLabel } from "../model/backup-label.ts";
import { textPath } from "../model/byte-path.ts";
import type { FileExtents } from "../repository/extent-map.ts";
import { file, HASH } from "../repository/manifest.fixture.ts";
import type { PackEntry } from "../repository/pack-format.ts";
import { PackTable } from "./pack-table.ts";

const FULL = parseBackupLabel("20261121-024000F");
const OWN = parseBackupLabel("20261121-024000F_20261122-024000I");

function pack(label: typeof FULL, number: number): PackEntry {
  return { label, number, sizeBytes: 1000, sha256: HASH, blobCount: 10 };
}

function extentIn(index: number): FileExtents {
  const source = { pack: index, blob: 0, blobOffsetBytes: 0 };
  return [{ fileOffsetBytes: 0, lengthBytes: 5, source }];
}

const PRIOR = [pack(FULL, 0), pack(FULL, 1), pack(FULL, 2), pack(FULL, 3)];

test("packs that nothing names any more are left out, and what is named is found at its new place", () => {
  const table = new PackTable(PRIOR, OWN);
  expect([table.next(), table.next()]).toEqual([0, 1]);
  const files = [
    file(textPath("kept"), { extents: extentIn(3) }),
    file(textPath("mapped"), { extents: { pack: table.indexOf(1), blob: 7, uses: [1, 4] } }),
    file(textPath("new"), { extents: extentIn(table.indexOf(0)) }),
  ];
  const settled = table.settle([pack(OWN, 0), pack(OWN, 1)], files);
  expect(settled.packs).toEqual([PRIOR[1], PRIOR[3], pack(OWN, 0), pack(OWN, 1)]);
  expect(settled.files.map(({ extents }) => extents)).toEqual([
    extentIn(1),
    { pack: 3, blob: 7, uses: [0, 2] },
    extentIn(2),
  ]);
});

test("while all packs are in use, files stay as they are", () => {
  const table = new PackTable(PRIOR, OWN);
  const files = [
    file(textPath("a"), { extents: { pack: 0, blob: 7, uses: [1, 2] } }),
    file(textPath("b"), { extents: extentIn(3) }),
  ];
  expect(table.settle([], files)).toEqual({ packs: PRIOR, files });
});

test("maps name packs of the prior backup and those that were begun since", () => {
  const table = new PackTable(PRIOR, OWN);
  table.next();
  expect(table.names.map(({ label, number }) => [label, number])).toEqual([
    [FULL, 0],
    [FULL, 1],
    [FULL, 2],
    [FULL, 3],
    [OWN, 0],
  ]);
});
