import { expect, test } from "vitest";
import { seededRandom } from "../base/random.ts";
import { textPath } from "../model/byte-path.ts";
import type { DataEntry } from "../postgres/data-directory/scan.ts";
import type { ManifestFile } from "../repository/manifest.ts";
import type { FileReading } from "./file-plan.ts";
import { drawSample } from "./self-check.ts";

const PAGE = 8192;
const modifiedAt = Temporal.Instant.from("2026-11-21T02:40:00Z");

function entry(path: string, pageCount: number): DataEntry {
  const sizeBytes = pageCount * PAGE;
  return { kind: "file", path: textPath(path), mode: 0o600, sizeBytes, modifiedAt };
}

function same(path: string, pageCount: number): FileReading {
  const file = entry(path, pageCount);
  const prior: ManifestFile = { ...file, kind: "file", sha256: undefined, extents: [] };
  return { kind: "same", entry: file, prior, reason: "unchanged" };
}

function changed(path: string, pageCount: number, pages: readonly [number, number][]): FileReading {
  const ranges = pages.map(([begin, end]) => ({ begin: begin * PAGE, end: end * PAGE }));
  return { ...same(path, pageCount), kind: "blocks", ranges, reason: "changed" } as FileReading;
}

function sampleOf(files: readonly FileReading[], seed = 1): ReadonlyMap<string, readonly number[]> {
  const sample = drawSample(files, { blockSizeBytes: PAGE, random: seededRandom(seed) });
  return new Map(sample.map(({ path, offsets }) => [path, offsets.map((at) => at / PAGE)]));
}

test("of a small cluster every page that is not read is looked at, and no other", () => {
  const sample = sampleOf([
    same("base/5/1", 3),
    changed("base/5/2", 6, [
      [0, 1],
      [3, 5],
    ]),
    same("base/5/2_vm", 4),
    same("PG_VERSION", 1),
    { kind: "whole", entry: entry("base/5/3", 5), reason: "new" },
    same("base/5/4.1", 2),
  ]);
  expect([...sample]).toEqual([
    ["base/5/1", [0, 1, 2]],
    ["base/5/2", [1, 2, 5]],
    ["base/5/4.1", [0, 1]],
  ]);
});

test("of a large one ten thousand at least, or one in a thousand, spread over all files by chance", () => {
  const files = [same("base/5/1", 131_072), same("base/5/2", 131_072), same("base/5/3", 131_072)];
  const sample = sampleOf(files);
  const counts = [...sample.values()].map((pages) => pages.length);
  expect(counts.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(9900);
  for (const [path, pages] of sample) {
    expect([path, Math.abs(pages.length - 3333) < 50]).toEqual([path, true]);
    expect(pages).toEqual([...new Set(pages)].toSorted((left, right) => left - right));
    expect(Math.max(...pages)).toBeLessThan(131_072);
  }
  expect(sampleOf(files, 2)).not.toEqual(sample);
  const many = Array.from({ length: 100 }, (_, place) => same(`base/5/${place + 1}`, 131_072));
  const all = [...sampleOf(many).values()].flat().length;
  expect(Math.abs(all - 13_107)).toBeLessThan(200);
});
