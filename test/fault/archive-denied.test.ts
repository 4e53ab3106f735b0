// Rows 14 and 15 of the fault matrix for the archive: a repository that may only be read still hands out WAL, a push into
// it ends with 21 and names the path, and one file that may not be touched stops nothing but what needs that file.
// Commands run as an unprivileged user, because root may do everything.
import { chmod, readFile, rename, rm } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NEWEST_MAJOR } from "../harness/majors.ts";
import { snapshotTree } from "../harness/tree.ts";
import {
  type ArchiveGround,
  errorCode,
  expectArchived,
  get,
  layArchive,
  objectPath,
  outcomeOf,
  push,
} from "./archive-ground.ts";

let ground: ArchiveGround;
let source: Buffer;

beforeAll(async () => {
  ground = await layArchive(NEWEST_MAJOR);
  source = await readFile(ground.workspace.path("source", ground.segments[0]));
  await ground.workspace.write(
    "source/00000002.history",
    "1\t0/100028\tno recovery target specified\n",
  );
});

afterAll(() => ground[Symbol.asyncDispose]());

/** Runs `body` while these paths have that mode. */
async function withMode(
  paths: readonly string[],
  mode: (directory: boolean) => number,
  body: () => Promise<void>,
): Promise<void> {
  for (const path of paths.toReversed()) await chmod(path, mode(!isFile(path)));
  try {
    await body();
  } finally {
    for (const path of paths) await chmod(path, isFile(path) ? 0o600 : 0o700);
  }
}

/** Objects have names of their own form; everything else on the way to them is a directory. */
function isFile(path: string): boolean {
  return /(\/[0-9A-F]{24}|\.json|\.history|\/stanza\/1)$/.test(path);
}

/** The directories from the repository down to the one that holds the object of this name. */
function directoriesOf(name: string): readonly string[] {
  const { workspace, production } = ground;
  const paths: string[] = [];
  let path = dirname(objectPath(production, name));
  while (path.startsWith(workspace.repositoryDirectory)) {
    paths.unshift(path);
    path = dirname(path);
  }
  return paths;
}

describe("row 14", () => {
  test("a repository that is read-only everywhere hands out WAL, is listed, and refuses a push", async () => {
    const { workspace, production, segments } = ground;
    const aside = objectPath(production, segments[1]);
    await rename(aside, workspace.path("aside"));
    await withMode(
      directoriesOf(segments[0]),
      () => 0o500,
      async () => {
        const before = await snapshotTree(workspace.repositoryDirectory);
        await expectArchived(ground, segments[0], source);
        expect((await workspace.run(["info"])).stdout).toContain(segments[0]);
        const result = await push(ground, segments[1]);
        expect([result.exitCode, errorCode(result)]).toEqual([21, "REPOSITORY_DENIED"]);
        expect(result.stderr).toContain(dirname(aside));
        // What is there already needs no writing.
        expect((await push(ground, segments[0])).exitCode).toBe(0);
        expect(await snapshotTree(workspace.repositoryDirectory)).toEqual(before);
      },
    );
    expect((await push(ground, segments[1])).exitCode).toBe(0);
    await rm(workspace.path("aside"));
  });

  test("a new folder that cannot be made is named", async () => {
    const { segments } = ground;
    await withMode(
      directoriesOf(segments[0]),
      () => 0o500,
      async () => {
        const result = await push(ground, "00000002.history");
        expect([result.exitCode, errorCode(result)]).toEqual([21, "REPOSITORY_DENIED"]);
        expect(result.stderr).toContain(join("archive", `${NEWEST_MAJOR}-1`));
      },
    );
    expect((await push(ground, "00000002.history")).exitCode).toBe(0);
  });
});

describe("row 15", () => {
  test("a repository that may not be entered is denied, and nothing in it is absent", async () => {
    const { workspace, segments } = ground;
    await withMode(
      [workspace.repositoryDirectory],
      () => 0o000,
      async () => {
        const result = await push(ground, segments[0]);
        expect([result.exitCode, errorCode(result)]).toEqual([21, "REPOSITORY_DENIED"]);
        expect(result.stderr).toContain(workspace.repositoryDirectory);
        const beyond = `${segments[0].slice(0, 16)}000000FF`;
        for (const name of [segments[0], beyond, "00000003.history"]) {
          const refused = [name, 200, "nothing", "REPOSITORY_DENIED"];
          expect([name, ...outcomeOf(await get(ground, name))]).toEqual(refused);
        }
      },
    );
  });

  test.each([["repository.json"], ["stanza/main/stanza/1"]])(
    "%s that may not be read is named, by push and by get",
    async (key) => {
      const { workspace, segments } = ground;
      const path = join(workspace.repositoryDirectory, key);
      await withMode(
        [path],
        () => 0o000,
        async () => {
          const result = await push(ground, segments[0]);
          expect([result.exitCode, errorCode(result)]).toEqual([21, "REPOSITORY_DENIED"]);
          expect(result.stderr).toContain(path);
          const got = await get(ground, segments[0]);
          expect(outcomeOf(got)).toEqual([200, "nothing", "REPOSITORY_DENIED"]);
          expect(got.stderr).toContain(path);
        },
      );
    },
  );

  test("one segment that may not be read is named, is not absent, and the others are handed out", async () => {
    const { production, segments } = ground;
    const path = objectPath(production, segments[1]);
    await withMode(
      [path],
      () => 0o000,
      async () => {
        const got = await get(ground, segments[1]);
        expect(outcomeOf(got)).toEqual([200, "nothing", "REPOSITORY_DENIED"]);
        expect(got.stderr).toContain(path);
        const pushed = await push(ground, segments[1]);
        expect([pushed.exitCode, errorCode(pushed)]).toEqual([21, "REPOSITORY_DENIED"]);
        expect(pushed.stderr).toContain(path);
        await expectArchived(ground, segments[0], source);
      },
    );
  });

  test.each([0o000, 0o200])(
    "a folder of segments that may not be listed (mode %s) is never empty",
    async (mode) => {
      const { production, segments } = ground;
      const folder = dirname(objectPath(production, segments[0]));
      const beyond = `${segments[0].slice(0, 16)}000000FF`;
      await withMode(
        [folder],
        () => mode,
        async () => {
          for (const name of [segments[0], beyond]) {
            const got = await get(ground, name);
            expect([name, ...outcomeOf(got)]).toEqual([name, 200, "nothing", "REPOSITORY_DENIED"]);
            expect(got.stderr).toContain(folder);
          }
        },
      );
    },
  );

  test("row 28: a folder of histories that may not be read does not free a timeline", async () => {
    const { production } = ground;
    const folder = dirname(objectPath(production, "00000002.history"));
    for (const mode of [0o000, 0o200]) {
      await withMode(
        [folder],
        () => mode,
        async () => {
          for (const name of ["00000002.history", "00000003.history"]) {
            const got = await get(ground, name);
            expect([name, ...outcomeOf(got)]).toEqual([name, 200, "nothing", "REPOSITORY_DENIED"]);
          }
        },
      );
    }
    expect(outcomeOf(await get(ground, "00000003.history"))).toEqual([1, "nothing", undefined]);
  });
});
