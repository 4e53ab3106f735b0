import { expect, test } from "vitest";
import {
  bytePath,
  comparePath,
  joinPath,
  pathBelow,
  ROOT_PATH,
  showPath,
  textPath,
} from "./byte-path.ts";

test("a name that is no UTF-8 is kept byte for byte", () => {
  const name = bytePath(Buffer.from([0x66, 0xff, 0x6f]));
  const path = joinPath(textPath("base/1"), name);
  expect(pathBelow("/data", path)).toEqual(
    Buffer.concat([Buffer.from("/data/base/1/"), Buffer.from([0x66, 0xff, 0x6f])]),
  );
  expect(showPath(path)).toBe("base/1/f\\xffo");
});

test("a name in UTF-8 is shown as text", () => {
  expect(showPath(textPath("pg_tblspc/größe"))).toBe("pg_tblspc/größe");
  expect(pathBelow("/données", ROOT_PATH).toString()).toBe("/données");
});

test("paths are ordered by bytes", () => {
  const paths = ["base/16384", "base/1", "base", "base/1.1", "base/ö"].map(textPath);
  expect(paths.toSorted(comparePath).map(showPath)).toEqual([
    "base",
    "base/1",
    "base/1.1",
    "base/16384",
    "base/ö",
  ]);
});
