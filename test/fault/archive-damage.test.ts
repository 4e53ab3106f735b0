// Rows 18, 19, 20 and 26 of the fault matrix for what the archive consists of: WAL files of every kind, the record of the
// repository and that of the stanza. Whatever is damaged, missing or in the wrong place, archive-get delivers nothing and
// never says "absent", and whoever can say why ends with 22.
import { readFile, rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { expectSuccess } from "../harness/command.ts";
import { NEWEST_MAJOR } from "../harness/majors.ts";
import { waitForArchived } from "../harness/wal.ts";
import {
  type ArchiveGround,
  archivedNames,
  errorCode,
  expectArchived,
  get,
  keepSource,
  layArchive,
  objectPath,
  outcomeOf,
  push,
} from "./archive-ground.ts";
import { damagesOf } from "./damage.ts";

const SEED = Number(process.env["HINDSIGHT_TEST_SEED"] ?? Date.now() % 2 ** 31);
const FLIPS = 8;
const REFUSED = [200, "nothing", "OBJECT_CORRUPT"];

let ground: ArchiveGround;
let backupFile = "";

beforeAll(async () => {
  ground = await layArchive(NEWEST_MAJOR);
  const { site, production, workspace, segments } = ground;
  await site.backUp();
  await waitForArchived(production);
  backupFile = (await archivedNames(production)).find((name) => name.endsWith(".backup")) ?? "";
  await keepSource(production, backupFile);
  const whole = await readFile(workspace.path("source", segments[2]));
  await workspace.write(`source/${segments[2]}.partial`, whole);
  await workspace.write("source/00000002.history", "1\t0/100028\tno recovery target specified\n");
  for (const name of [`${segments[2]}.partial`, "00000002.history"]) {
    expectSuccess(await push(ground, name));
  }
});

afterAll(() => ground[Symbol.asyncDispose]());

/** Runs `body` while the object is something else, and puts it back as it was. */
async function whileDamaged(path: string, bytes: Buffer, body: () => Promise<void>): Promise<void> {
  const original = await readFile(path);
  await writeFile(path, bytes);
  try {
    await body();
  } finally {
    await writeFile(path, original);
  }
}

/** Expects a push to end with 22, and returns what it said. */
async function expectPushRefused(name: string, title: string): Promise<string> {
  const pushed = await push(ground, name);
  expect([title, pushed.exitCode, errorCode(pushed)]).toEqual([title, 22, "OBJECT_CORRUPT"]);
  return pushed.stderr;
}

describe(`rows 18 and 19, seed ${SEED}`, () => {
  test.each([
    ["a segment", () => ground.segments[1]],
    ["a partial segment", () => `${ground.segments[2]}.partial`],
    ["a history file", () => "00000002.history"],
    ["a backup history file", () => backupFile],
  ])(
    "%s: no damage is delivered, and none is taken for the same file by a push",
    async (_, nameOf) => {
      const name = nameOf();
      const path = objectPath(ground.production, name);
      const original = await readFile(path);
      const random = seededRandom(SEED);
      const damages = damagesOf(original, { random, flips: FLIPS });
      for (const [index, { title, bytes }] of damages.entries()) {
        await whileDamaged(path, bytes, async () => {
          const got = await get(ground, name);
          expect([title, ...outcomeOf(got)]).toEqual([title, ...REFUSED]);
          expect(got.stderr).toContain(name);
          if (index % 3 === 0) await expectPushRefused(name, title);
        });
      }
      await expectArchived(ground, name, await readFile(ground.workspace.path("source", name)));
    },
  );

  test.each([["repository.json"], ["stanza/main/stanza/1"]])(
    "%s: nothing is read or written by a damaged record",
    async (key) => {
      const { workspace, segments } = ground;
      const path = join(workspace.repositoryDirectory, key);
      const original = await readFile(path);
      const random = seededRandom(SEED);
      // Beyond the end of the archive the true answer is "absent"; who says so must have read the record.
      const absent = `${segments[0].slice(0, 16)}000000FF`;
      const damages = damagesOf(original, { random, flips: FLIPS });
      for (const [index, { title, bytes }] of damages.entries()) {
        await whileDamaged(path, bytes, async () => {
          const name = index % 2 === 0 ? absent : segments[0];
          expect([title, ...outcomeOf(await get(ground, name))]).toEqual([title, ...REFUSED]);
          if (index % 3 !== 0) return;
          expect(await expectPushRefused(segments[0], title)).toContain(key);
          // info goes on to the other stanzas when one cannot be read, and shows why.
          const info = await workspace.run(["info"]);
          const said = info.exitCode === 0 ? info.stdout : info.stderr;
          expect(said).toMatch(/^(error: |    status: error \()/m);
          expect(said).toContain(key);
        });
      }
      expect(outcomeOf(await get(ground, absent))).toEqual([1, "nothing", undefined]);
    },
  );

  test("damage of one object leaves the others usable", async () => {
    const { production, workspace, segments } = ground;
    const path = objectPath(production, segments[1]);
    const bytes = (await readFile(path)).subarray(0, 100);
    await whileDamaged(path, bytes, async () => {
      expect((await get(ground, segments[1])).exitCode).toBe(200);
      for (const name of [segments[0], segments[2]]) {
        await expectArchived(ground, name, await readFile(workspace.path("source", name)));
      }
    });
  });
});

describe("rows 20 and 26", () => {
  test("a segment that is missing before a later one is not absent, whatever the plan; the others are handed out", async () => {
    const { production, workspace, segments } = ground;
    const path = objectPath(production, segments[1]);
    await rename(path, workspace.path("aside"));
    try {
      const missing = [200, "nothing", "WAL_SEGMENT_MISSING"];
      for (const parameters of [[], [`--last=${segments[0]}`], [`--last=${segments[1]}`]]) {
        expect(outcomeOf(await get(ground, segments[1], parameters))).toEqual(missing);
      }
      for (const name of [segments[0], segments[2]]) {
        await expectArchived(ground, name, await readFile(workspace.path("source", name)));
      }
    } finally {
      await rename(workspace.path("aside"), path);
    }
  });

  test("the last segment is absent when it is missing, unless the plan counts on it", async () => {
    const { production } = ground;
    const last = (await archivedNames(production)).findLast((name) => /^[0-9A-F]{24}$/.test(name));
    const name = `${last?.slice(0, 16)}${(Number(`0x${last?.slice(16)}`) + 1).toString(16).toUpperCase().padStart(8, "0")}`;
    expect(outcomeOf(await get(ground, name, [`--last=${last}`]))).toEqual([
      1,
      "nothing",
      undefined,
    ]);
    expect(outcomeOf(await get(ground, name, [`--last=${name}`]))).toEqual([
      200,
      "nothing",
      "WAL_SEGMENT_MISSING",
    ]);
  });

  test.each([["repository.json"], ["stanza/main/stanza/1"]])(
    "without %s nothing is absent and nothing is pushed",
    async (key) => {
      const { workspace, segments } = ground;
      const path = join(workspace.repositoryDirectory, key);
      await rename(path, workspace.path("aside"));
      try {
        const beyond = `${segments[0].slice(0, 16)}000000FF`;
        for (const name of [segments[0], beyond, "00000003.history"]) {
          const got = await get(ground, name);
          expect([name, got.exitCode, got.delivered]).toEqual([name, 200, undefined]);
        }
        const pushed = await push(ground, segments[0]);
        expect(pushed.exitCode).not.toBe(0);
        expect(pushed.exitCode).toBeLessThanOrEqual(125);
      } finally {
        await rename(workspace.path("aside"), path);
      }
    },
  );

  test("two segments that were swapped are both refused, and neither is taken for the same by a push", async () => {
    const { production, workspace, segments } = ground;
    const [left, right] = [segments[0], segments[1]].map((name) => objectPath(production, name));
    if (left === undefined || right === undefined) throw new Error("there are two segments");
    const swap = async (): Promise<void> => {
      await rename(left, workspace.path("aside"));
      await rename(right, left);
      await rename(workspace.path("aside"), right);
    };
    await swap();
    try {
      for (const name of [segments[0], segments[1]]) {
        expect([name, ...outcomeOf(await get(ground, name))]).toEqual([name, ...REFUSED]);
        expect([name, (await push(ground, name)).exitCode]).toEqual([name, 22]);
      }
    } finally {
      await swap();
    }
  });

  test("an object of another repository is refused", async () => {
    await using other = await layArchive(NEWEST_MAJOR);
    const { production, workspace, segments } = ground;
    const theirs = await readFile(objectPath(other.production, other.segments[0]));
    await whileDamaged(objectPath(production, segments[0]), theirs, async () => {
      expect(outcomeOf(await get(ground, segments[0]))).toEqual(REFUSED);
    });
    const record = join(workspace.repositoryDirectory, "repository.json");
    const theirRecord = join(other.workspace.repositoryDirectory, "repository.json");
    await whileDamaged(record, await readFile(theirRecord), async () => {
      expect(outcomeOf(await get(ground, segments[0]))).toEqual(REFUSED);
    });
  });
});
