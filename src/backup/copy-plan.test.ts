import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type BytePath, textPath } from "../model/byte-path.ts";
import type { DataEntry } from "../postgres/data-directory/scan.ts";
import {
  BUNDLE_FILE_SIZE_MAX_BYTES,
  CHUNK_SIZE_BYTES,
  type CopyPlan,
  planCopy,
  readWhole,
  splitRanges,
} from "./copy-plan.ts";

const CONTROL = textPath("global/pg_control");
const modifiedAt = Temporal.Instant.from("2026-11-21T02:40:00Z");

function file(path: string, sizeBytes: number): DataEntry {
  return { kind: "file", path: textPath(path), mode: 0o600, sizeBytes, modifiedAt };
}

function other(kind: "directory" | "link", path: string): DataEntry {
  return { kind, path: textPath(path), mode: 0o700, sizeBytes: 0, modifiedAt };
}

function plan(...entries: readonly DataEntry[]): CopyPlan {
  return planCopy(readWhole(entries), CONTROL);
}

/** The paths of the units, in order: a text for a file of its own, a list for a bundle. */
function unitPaths({ units }: CopyPlan): readonly unknown[] {
  return units.map((unit) =>
    unit.kind === "bundle" ? unit.files.map(({ entry }) => entry.path) : unit.entry.path,
  );
}

describe("the order of the work", () => {
  test("large files come first, the largest before all, then bundles as the scan saw them", () => {
    const large = BUNDLE_FILE_SIZE_MAX_BYTES + 1;
    expect(
      unitPaths(
        plan(file("a", 10), file("b", large), file("c", 20), file("d", large * 9), file("e", 30)),
      ),
    ).toEqual(["d", "b", ["a", "c", "e"]]);
  });

  test("a file of exactly the limit still shares its chunk", () => {
    expect(unitPaths(plan(file("a", BUNDLE_FILE_SIZE_MAX_BYTES), file("b", 1)))).toEqual([
      ["a", "b"],
    ]);
  });

  test("a bundle is closed before it would be larger than a chunk, not when it is as large", () => {
    const quarters = ["a", "b", "c", "d"].map((path) => file(path, CHUNK_SIZE_BYTES / 4));
    expect(unitPaths(plan(...quarters, file("e", 1)))).toEqual([["a", "b", "c", "d"], ["e"]]);
  });

  test("nothing to copy is no unit", () => {
    expect(plan(other("directory", ""))).toMatchObject({ units: [], fileCount: 0, readBytes: 0 });
  });
});

describe("what is not read with the others", () => {
  test("directories, links and empty files have nothing to read", () => {
    const entries = [other("directory", ""), other("link", "pg_tblspc/16400"), file("empty", 0)];
    const { bare, units } = plan(...entries, file("a", 1));
    expect(bare).toEqual(entries);
    expect(units).toHaveLength(1);
  });

  test("pg_control comes by itself, whatever its size, and counts", () => {
    for (const sizeBytes of [0, 8192, CHUNK_SIZE_BYTES]) {
      const control = file(CONTROL, sizeBytes);
      expect(plan(control, file("a", 1))).toMatchObject({
        controlFile: control,
        bare: [],
        units: [{ kind: "bundle", files: [{ entry: { path: "a" } }] }],
        fileCount: 2,
        readBytes: sizeBytes + 1,
      });
    }
  });

  test("a directory in the place of pg_control is none", () => {
    expect(plan(other("directory", CONTROL)).controlFile).toBeUndefined();
  });
});

test("every file is copied once, no bundle is larger than a chunk, and the sums are those of the files", () => {
  const sizes = fc.oneof(
    fc.nat(10),
    fc.integer({ min: 1, max: 2 * BUNDLE_FILE_SIZE_MAX_BYTES }),
    fc.integer({ min: 1, max: 1024 * CHUNK_SIZE_BYTES }),
  );
  fc.assert(
    fc.property(fc.array(sizes, { maxLength: 60 }), (sizesBytes) => {
      const entries = [
        other("directory", ""),
        ...sizesBytes.map((sizeBytes, index) => file(`base/5/${index}`, sizeBytes)),
        file(CONTROL, 8192),
      ];
      const { units, bare, controlFile, fileCount, readBytes } = plan(...entries);
      const bundles = units.flatMap((unit) =>
        unit.kind === "bundle" ? [unit.files.map(({ entry }) => entry)] : [],
      );
      const alone = units.flatMap((unit) => (unit.kind === "file" ? [unit.entry] : []));
      expect(pathsOf([...bundles.flat(), ...alone, ...bare, controlFile])).toEqual(
        pathsOf(entries),
      );
      for (const bundle of bundles) {
        expect(sum(bundle)).toBeLessThanOrEqual(CHUNK_SIZE_BYTES);
        expect(bundle.length).toBeGreaterThan(0);
      }
      expect(fileCount).toBe(sizesBytes.filter((size) => size > 0).length + 1);
      expect(readBytes).toBe(sum(entries));
    }),
  );
});

function pathsOf(entries: readonly (DataEntry | undefined)[]): ReadonlySet<BytePath | undefined> {
  expect(new Set(entries).size).toBe(entries.length);
  return new Set(entries.map((entry) => entry?.path));
}

function sum(entries: readonly DataEntry[]): number {
  return entries.reduce((total, { sizeBytes }) => total + sizeBytes, 0);
}

test("ranges are gathered into full chunks, and longer ones are split", () => {
  const half = CHUNK_SIZE_BYTES / 2;
  const range = (begin: number, end: number): { begin: number; end: number } => ({ begin, end });
  expect(splitRanges([])).toEqual([]);
  expect(splitRanges([range(0, 8), range(16, 24)])).toEqual([[range(0, 8), range(16, 24)]]);
  expect(splitRanges([range(0, half), range(2 * half, 5 * half)])).toEqual([
    [range(0, half), range(2 * half, 3 * half)],
    [range(3 * half, 5 * half)],
  ]);
});
