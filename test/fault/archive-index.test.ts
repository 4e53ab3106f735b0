// WAL indexes when something is wrong: archive_command ends 0 and the archiver goes on whatever becomes of the index, the
// reason and the remedy stand in the log, and `index --rebuild` mends what can be mended and says what cannot.
import { copyFile, mkdir, readFile, rm, rmdir, writeFile } from "node:fs/promises";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { NEWEST_MAJOR } from "../harness/majors.ts";
import { waitUntil } from "../harness/wait.ts";
import {
  type ArchiveGround,
  archiveSegments,
  expectArchived,
  keepSource,
  layArchive,
  objectPath,
  push,
} from "./archive-ground.ts";

const WARNING = "the segment is archived, but its WAL index could not be made";

let ground: ArchiveGround;
/** Segments without a hole, all of them indexed, and their indexes. */
let names: readonly string[];
let indexes: ReadonlyMap<string, Buffer>;

beforeAll(async () => {
  ground = await layArchive(NEWEST_MAJOR);
  names = await archiveSegments(ground.production, 4);
  const read = names.map(async (name) => [name, await readFile(indexPath(name))] as const);
  indexes = new Map(await Promise.all(read));
  for (const name of names) await keepSource(ground.production, name);
});

afterAll(() => ground[Symbol.asyncDispose]());

beforeEach(async () => {
  for (const name of names) await rm(indexPath(name), { recursive: true, force: true });
  await ground.workspace.succeed(["index", "--rebuild"]);
});

function indexPath(name: string): string {
  return objectPath(ground.production, `${name}.index-1`);
}

interface Searched {
  readonly unreadable: readonly object[];
}

interface Rebuilt {
  readonly exitCode: number | undefined;
  readonly built: number;
  readonly failed: readonly { readonly segment: string; readonly reason: string }[];
}

async function rebuild(): Promise<Rebuilt> {
  const result = await ground.workspace.run(["--output=json", "index", "--rebuild"]);
  const said = JSON.parse(result.stdout) as Omit<Rebuilt, "exitCode">;
  return { ...said, exitCode: result.exitCode };
}

async function expectIndexes(): Promise<void> {
  for (const name of names) {
    expect([name, (await readFile(indexPath(name))).equals(indexes.get(name)!)]).toEqual([
      name,
      true,
    ]);
  }
}

/** Takes a segment and its index out of the archive, so that a push finds it new. */
async function forget(name: string): Promise<void> {
  await rm(indexPath(name), { recursive: true });
  await rm(objectPath(ground.production, name));
}

test("rebuilding gives what archiving made", expectIndexes);

describe("archiving goes on", () => {
  test("when the index cannot be written, for a server that archives", async () => {
    const { production } = ground;
    const [last] = await archiveSegments(production, 1);
    const next = [1, 2, 3].map((step) => nameAfter(String(last), step));
    // A directory where the file should be.
    for (const name of next) await mkdir(indexPath(name));
    expect(await archiveSegments(production, 3)).toEqual(next);
    const log = await production.log();
    for (const name of next) {
      expect(log).toMatch(new RegExp(`${WARNING}.*${name}.*hindsight index --rebuild`));
      await rmdir(indexPath(name));
    }
    expect(log).not.toContain("archive command failed");
    expect(await rebuild()).toMatchObject({ exitCode: 0, built: 3 });
  });

  test("when there is a damaged index, which stays until it is rebuilt", async () => {
    const [, name = ""] = names;
    await rm(objectPath(ground.production, name));
    await writeFile(indexPath(name), "damage");
    const pushed = await push(ground, name);
    expect([pushed.exitCode, pushed.stderr]).toEqual([0, ""]);
    expect(await readFile(indexPath(name), "latin1")).toBe("damage");
    expect(await rebuild()).toMatchObject({ exitCode: 0, built: 1 });
    await expectIndexes();
  });

  test("when the index of the segment before is damaged", async () => {
    const [, name = "", next = ""] = names;
    await forget(next);
    await writeFile(indexPath(name), "damage");
    expect((await push(ground, next)).exitCode).toBe(0);
    expect(await rebuild()).toMatchObject({ exitCode: 0, built: 1 });
    await expectIndexes();
  });

  test("when there is no record in the segment that could be read", async () => {
    const { production, workspace } = ground;
    const [, name = ""] = names;
    await forget(name);
    const damaged = await readFile(workspace.path("source", name));
    damaged.fill(0x61, 40);
    await workspace.makeDirectory("odd");
    const pushed = await push(ground, await workspace.write(`odd/${name}`, damaged));
    expect(pushed.exitCode).toBe(0);
    expect(pushed.stderr).toContain(WARNING);
    expect(pushed.stderr).toMatch(new RegExp(`${name}.*before its first record`));
    await expectArchived(ground, name, damaged);
    const { exitCode, failed } = await rebuild();
    expect(exitCode).toBe(22);
    expect(failed.map(({ segment }) => segment)).toContain(name);
    await rm(objectPath(production, name));
    expect((await push(ground, name)).stderr).toBe("");
    await expectIndexes();
  });

  test("when one byte in the middle is wrong, and everybody says so", async () => {
    const { production, workspace } = ground;
    const [, name = ""] = names;
    await forget(name);
    const damaged = await readFile(workspace.path("source", name));
    damaged.writeUInt8(damaged.readUInt8(200) ^ 1, 200);
    await workspace.makeDirectory("flipped");
    const pushed = await push(ground, await workspace.write(`flipped/${name}`, damaged));
    expect(pushed.exitCode).toBe(0);
    expect(pushed.stderr).toMatch(new RegExp(`${WARNING}.*${name}.*WAL ends at`));
    const { exitCode, failed } = await rebuild();
    expect(exitCode).toBe(22);
    expect(failed.map(({ segment }) => segment)).toContain(name);
    expect((await workspace.succeed(["check"])).stdout).toMatch(
      new RegExp(`WAL index: WARNING .*${name}`),
    );
    const { searched } = await workspace.json<{ readonly searched: Searched }>(["find"]);
    expect(searched.unreadable).toContainEqual({
      segment: name,
      reason: expect.stringContaining(`WAL ends inside segment ${name} at `) as string,
    });
    await rm(objectPath(production, name));
    expect((await push(ground, name)).stderr).toBe("");
    await expectIndexes();
  });

  test("when it is killed between the segment and its index", async () => {
    const { production, workspace } = ground;
    const [, name = ""] = names;
    for (let round = 0; round < 5; round += 1) {
      await forget(name);
      const running = workspace.start(["archive-push", workspace.path("source", name)]);
      await waitUntil("the segment", async () =>
        readFile(objectPath(production, name)).then(
          () => true,
          () => false,
        ),
      );
      running.kill("SIGKILL");
      await running.result;
      const again = await push(ground, name);
      expect([again.exitCode, again.stderr]).toEqual([0, ""]);
    }
    expect((await rebuild()).exitCode).toBe(0);
    await expectIndexes();
  });
});

describe("what cannot be mended is named", () => {
  test("a damaged segment", async () => {
    const { production, workspace } = ground;
    const [, name = "", next = ""] = names;
    const path = objectPath(production, name);
    const original = await readFile(path);
    await rm(indexPath(name));
    await rm(indexPath(next));
    await writeFile(path, original.subarray(0, original.length / 2));
    try {
      const { exitCode, failed } = await rebuild();
      expect(exitCode).toBe(22);
      expect(failed.find(({ segment }) => segment === name)?.reason).toContain(name);
      const text = await workspace.run(["index", "--rebuild"]);
      expect(text.exitCode).toBe(22);
      expect(text.stdout).toContain(`    ${name}: `);
    } finally {
      await writeFile(path, original);
    }
    expect((await rebuild()).exitCode).toBe(0);
    await expectIndexes();
  });

  test("an index of another segment is not believed", async () => {
    const [first = "", second = ""] = names;
    await rm(indexPath(second));
    await copyFile(indexPath(first), indexPath(second));
    await ground.workspace.give(indexPath(second));
    expect(await rebuild()).toMatchObject({ exitCode: 0, built: 1 });
    await expectIndexes();
  });
});

/** The name `count` segments later, within one folder. */
function nameAfter(name: string, count: number): string {
  const number = Number.parseInt(name.slice(16), 16) + count;
  return name.slice(0, 16) + number.toString(16).toUpperCase().padStart(8, "0");
}
