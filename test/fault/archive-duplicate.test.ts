// Rows 21 and 22 of the fault matrix: PostgreSQL asks again after a crash, so the same file may come twice and from many
// processes at once, which is fine; other bytes under a name that is taken are refused for ever and change nothing.
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NEWEST_MAJOR } from "../harness/majors.ts";
import { waitForArchived } from "../harness/wal.ts";
import {
  type ArchiveGround,
  archivedNames,
  errorCode,
  expectArchived,
  keepSource,
  layArchive,
  objectPath,
  push,
} from "./archive-ground.ts";

const AT_ONCE = 8;

let ground: ArchiveGround;
let backupFile = "";

beforeAll(async () => {
  ground = await layArchive(NEWEST_MAJOR);
  const { site, production, workspace } = ground;
  await site.backUp();
  await waitForArchived(production);
  backupFile = (await archivedNames(production)).find((name) => name.endsWith(".backup")) ?? "";
  await keepSource(production, backupFile);
  await workspace.write("source/00000002.history", "1\t0/100028\tno recovery target specified\n");
  await workspace.makeDirectory("other");
});

afterAll(() => ground[Symbol.asyncDispose]());

const FILES: readonly (readonly [string, () => string])[] = [
  ["a segment", () => ground.segments[1]],
  ["a history file", () => "00000002.history"],
  ["a backup history file", () => backupFile],
];

/** A file of that name with the last byte but one changed, which every check of the name lets pass. */
async function otherBytes(name: string): Promise<string> {
  const bytes = await readFile(ground.workspace.path("source", name));
  const place = bytes.length - 2;
  bytes.writeUInt8(bytes.readUInt8(place) ^ 1, place);
  return ground.workspace.write(`other/${name}`, bytes);
}

/** Everything that lies where the file's object does, for "one object and no leftovers". */
function neighbours(name: string): Promise<readonly string[]> {
  return readdir(dirname(objectPath(ground.production, name)));
}

describe("row 21", () => {
  test.each(FILES)("%s may be pushed twice, and eight times at once", async (_, nameOf) => {
    const name = nameOf();
    const bytes = await readFile(ground.workspace.path("source", name));
    await rm(objectPath(ground.production, name), { force: true });
    expect((await push(ground, name)).exitCode).toBe(0);
    expect((await push(ground, name)).exitCode).toBe(0);
    const once = await neighbours(name);
    await rm(objectPath(ground.production, name));
    const results = await Promise.all(Array.from({ length: AT_ONCE }, () => push(ground, name)));
    expect(results.map((result) => [result.exitCode, result.stderr])).toEqual(
      Array.from({ length: AT_ONCE }, () => [0, ""]),
    );
    expect(await neighbours(name)).toEqual(once);
    await expectArchived(ground, name, bytes);
  });
});

describe("row 22", () => {
  test.each(FILES)(
    "other bytes for %s are refused every time, and nothing changes",
    async (_, nameOf) => {
      const name = nameOf();
      const bytes = await readFile(ground.workspace.path("source", name));
      expect((await push(ground, name)).exitCode).toBe(0);
      const object = await readFile(objectPath(ground.production, name));
      const other = await otherBytes(name);
      for (let time = 0; time < 3; time += 1) {
        const result = await push(ground, other);
        expect([result.exitCode, errorCode(result)]).toEqual([24, "WAL_DUPLICATE_DIFFERS"]);
        expect(result.stderr).toContain(name);
      }
      expect(object.equals(await readFile(objectPath(ground.production, name)))).toBe(true);
      expect((await push(ground, name)).exitCode).toBe(0);
      await expectArchived(ground, name, bytes);
    },
  );

  test("of two contents that race for one name exactly one is stored, and only its pushes succeed", async () => {
    const [, , name] = ground.segments;
    await rm(objectPath(ground.production, name));
    const paths = [ground.workspace.path("source", name), await otherBytes(name)];
    const racers = Array.from({ length: AT_ONCE }, (_, index) => paths[index % 2] ?? "");
    const results = await Promise.all(
      racers.map(async (path) => ({ path, status: (await push(ground, path)).exitCode })),
    );
    const winners = new Set(results.flatMap(({ path, status }) => (status === 0 ? [path] : [])));
    expect(winners.size).toBe(1);
    const [winner = ""] = winners;
    expect(results).toEqual(racers.map((path) => ({ path, status: path === winner ? 0 : 24 })));
    await expectArchived(ground, name, await readFile(winner));
  });

  test("a segment and its partial are two files, whichever comes first", async () => {
    const { workspace, segments } = ground;
    const whole = await readFile(workspace.path("source", segments[0]));
    const partial = Buffer.from(whole);
    partial.fill(0, 8192);
    await writeFile(await workspace.write(`source/${segments[0]}.partial`, ""), partial);
    expect((await push(ground, `${segments[0]}.partial`)).exitCode).toBe(0);
    expect((await push(ground, segments[0])).exitCode).toBe(0);
    await expectArchived(ground, segments[0], whole);
    await expectArchived(ground, `${segments[0]}.partial`, partial);
  });
});
