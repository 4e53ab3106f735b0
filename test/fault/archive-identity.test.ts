// Rows 23 and 24 of the fault matrix: WAL that is not this cluster's, or not what its name says, is refused before
// anything is stored, by real files of real clusters.
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NEWEST_MAJOR } from "../harness/majors.ts";
import { testRuntime } from "../harness/runtime.ts";
import { waitUntil } from "../harness/wait.ts";
import {
  type ArchiveGround,
  archivedNames,
  archiveSegments,
  errorCode,
  expectArchived,
  foreignSegment,
  layArchive,
  push,
} from "./archive-ground.ts";

/** A name that is still free, and the address of its first byte. */
const FREE = "0000000100000000000000F0";
const FREE_ADDRESS = 0xf0n * 1024n * 1024n;

let ground: ArchiveGround;

beforeAll(async () => {
  ground = await layArchive(NEWEST_MAJOR);
  await ground.workspace.makeDirectory("odd");
});

afterAll(() => ground[Symbol.asyncDispose]());

/** How a push of these bytes under that name ends, and whether the archive is as it was. */
async function outcomeOfPush(
  name: string,
  bytes: Buffer,
): Promise<readonly [string, number | undefined, string | undefined, "unchanged" | "changed"]> {
  const before = await archivedNames(ground.production);
  const result = await push(ground, await ground.workspace.write(`odd/${name}`, bytes));
  const after = await archivedNames(ground.production);
  const changed = before.join() === after.join() ? "unchanged" : "changed";
  return [name, result.exitCode, errorCode(result), changed];
}

/** The segment with another address in its first page. */
function moved(bytes: Buffer, address: bigint): Buffer {
  const copy = Buffer.from(bytes);
  copy.writeBigUInt64LE(address, 8);
  return copy;
}

describe("row 23", () => {
  const majors = Object.keys(testRuntime().programs).map(Number);
  const twins: readonly (readonly [string, { major: number; walSegmentSizeMb?: number }])[] = [
    ["another cluster of the same version", { major: NEWEST_MAJOR }],
    ["a cluster with other segments", { major: NEWEST_MAJOR, walSegmentSizeMb: 2 }],
    ...majors
      .filter((major) => major !== NEWEST_MAJOR)
      .map((major) => [`a cluster of PostgreSQL ${major}`, { major }] as const),
  ];

  test.each(twins)(
    "a segment of %s is refused, under a free name and a taken one",
    async (_, twin) => {
      const { workspace, segments } = ground;
      const title = `twin${twin.major}-${twin.walSegmentSizeMb ?? 1}`;
      const foreign = await foreignSegment(workspace, { ...twin, name: title });
      const [taken] = segments;
      const ours = await readFile(workspace.path("source", taken));
      const cases: readonly (readonly [string, Buffer])[] = [
        [foreign.name, foreign.bytes],
        [`${foreign.name}.partial`, foreign.bytes],
        [FREE, moved(foreign.bytes, FREE_ADDRESS)],
        [taken, moved(foreign.bytes, ours.readBigUInt64LE(8))],
      ];
      for (const [name, bytes] of cases) {
        const refused = [name, 23, "WAL_SEGMENT_FOREIGN", "unchanged"];
        expect(await outcomeOfPush(name, bytes)).toEqual(refused);
      }
      await expectArchived(ground, taken, ours);
    },
  );
});

describe("row 24", () => {
  const refused = (name: string): readonly (string | number)[] => [
    name,
    22,
    "WAL_SEGMENT_INVALID",
    "unchanged",
  ];

  test("a segment under the name of another one is refused, on this timeline and on an older one", async () => {
    const { workspace, segments } = ground;
    const bytes = await readFile(workspace.path("source", segments[0]));
    const child = Buffer.from(bytes);
    child.writeUInt32LE(2, 4);
    for (const name of [segments[1], FREE, `${segments[1]}.partial`]) {
      expect(await outcomeOfPush(name, bytes)).toEqual(refused(name));
    }
    expect(await outcomeOfPush(segments[0], child)).toEqual(refused(segments[0]));
  });

  test("a file that is too short or too long is refused, under a free name and a taken one", async () => {
    const { workspace, segments } = ground;
    const bytes = await readFile(workspace.path("source", segments[0]));
    const sizes = [0, 1, 39, 8192, bytes.length / 2, bytes.length - 1];
    const files = sizes.map((size) => bytes.subarray(0, size));
    for (const file of [...files, Buffer.concat([bytes, Buffer.alloc(8192)])]) {
      for (const name of [segments[0], `${segments[0]}.partial`]) {
        expect(await outcomeOfPush(name, file)).toEqual(refused(name));
      }
    }
  });

  test("a segment of nothing but zeros, and one without its first page, are refused", async () => {
    const { workspace, segments } = ground;
    const headless = await readFile(workspace.path("source", segments[0]));
    headless.fill(0, 0, 8192);
    for (const bytes of [Buffer.alloc(headless.length), headless]) {
      expect(await outcomeOfPush(segments[0], bytes)).toEqual(refused(segments[0]));
    }
  });

  test("a file that PostgreSQL recycled for later, full of old WAL, is refused", async () => {
    const { production, workspace } = ground;
    await production.set({ wal_keep_size: 0 });
    await production.reload();
    await archiveSegments(production, 3);
    const directory = join(production.dataDirectory, "pg_wal");
    const recycled = async (): Promise<string | undefined> => {
      const current = String(
        await production.value("select pg_walfile_name(pg_current_wal_lsn())"),
      );
      const names = (await readdir(directory)).filter((name) => /^[0-9A-F]{24}$/.test(name));
      return names.toSorted().findLast((name) => name > current);
    };
    await waitUntil("a recycled segment", async () => {
      await production.sql("checkpoint");
      return (await recycled()) !== undefined;
    });
    const name = String(await recycled());
    const before = await archivedNames(production);
    const result = await workspace.run(["archive-push", join(directory, name)]);
    expect([result.exitCode, errorCode(result)]).toEqual([22, "WAL_SEGMENT_INVALID"]);
    expect(await archivedNames(production)).toEqual(before);
  });
});
