// Rows 3, 7 and 64 of the fault matrix: the command is killed, runs out of memory, or cannot run at all. PostgreSQL then
// sees a status of 1 to 125 from archive-push, so that it keeps its WAL and asks again, and one above 125 from archive-get,
// so that it stops instead of promoting; what archive-get leaves at the destination is nothing or the whole file.
import { existsSync } from "node:fs";
import { glob, readdir, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { NEWEST_MAJOR } from "../harness/majors.ts";
import { waitUntil } from "../harness/wait.ts";
import { switchWal } from "../harness/wal.ts";
import {
  type ArchiveGround,
  archiveSegments,
  DESTINATION,
  expectArchived,
  layArchive,
  objectPath,
} from "./archive-ground.ts";
import { installCopy, killAtStep, type Installation, pathWithoutNode } from "./broken-install.ts";

let ground: ArchiveGround;
let installation: Installation;
let source: Buffer;

beforeAll(async () => {
  ground = await layArchive(NEWEST_MAJOR);
  installation = await installCopy(ground.workspace, "copy");
  source = await readFile(ground.workspace.path("source", ground.segments[0]));
});

afterAll(() => ground[Symbol.asyncDispose]());

/** The exit statuses of archive-push and archive-get by the broken copy, with what archive-get delivered. */
async function statuses(
  environment: Readonly<Record<string, string>> = {},
): Promise<readonly [number | undefined, number | undefined, "delivered" | "nothing"]> {
  const { workspace, segments } = ground;
  const destination = workspace.path(DESTINATION);
  await rm(destination, { force: true });
  const push = ["archive-push", workspace.path("source", segments[0])];
  const pushed = await installation.run(push, { environment });
  const got = await installation.run(["archive-get", segments[0], destination], { environment });
  return [pushed.exitCode, got.exitCode, existsSync(destination) ? "delivered" : "nothing"];
}

describe("row 3", () => {
  test("archive-get killed at any step of its copy leaves nothing or the whole file, and can be run again", async () => {
    const { workspace, segments } = ground;
    const destination = workspace.path(DESTINATION);
    const preload = workspace.path("kill.cjs");
    await installation.replaceNode(`exec "$NODE" --require "${preload}" "$@"`);
    const ends: (readonly [number | undefined, string])[] = [];
    for (let step = 1; ends.at(-1)?.[0] !== 0 && step < 20; step += 1) {
      await rm(destination, { force: true });
      await rm(preload, { force: true });
      await workspace.write("kill.cjs", killAtStep(workspace.path("wal"), step));
      const result = await installation.run(["archive-get", segments[0], destination]);
      const bytes = existsSync(destination) ? await readFile(destination) : undefined;
      const left = bytes === undefined ? "nothing" : bytes.equals(source) ? "whole" : "damaged";
      ends.push([result.exitCode, left]);
    }
    await installation.repairNode();
    // Open, two halves, close and rename, each with a before and an after; only behind the rename is there a file.
    const before = Array.from({ length: 7 }, () => [200, "nothing"]);
    expect(ends).toEqual([...before, [200, "whole"], [0, "whole"]]);
    // What a kill leaves behind has a name that PostgreSQL never looks at.
    const others = (await readdir(workspace.path("wal"))).filter((name) => name !== "RECOVERYXLOG");
    expect(others.filter((name) => !name.startsWith(".hindsight-"))).toEqual([]);
    for (const name of others) await rm(join(workspace.path("wal"), name));
    await expectArchived(ground, segments[0], source);
  });
});

describe("row 7", () => {
  test("a heap that is too small ends push within 1 to 125 and get above", async () => {
    for (const megabytes of [1, 2]) {
      await installation.replaceNode(`exec "$NODE" --max-old-space-size=${megabytes} "$@"`);
      expect([megabytes, ...(await statuses())]).toEqual([megabytes, 1, 200, "nothing"]);
    }
    await installation.repairNode();
    expect(await statuses()).toEqual([0, 0, "delivered"]);
  });

  test("so does memory that the operating system does not give, and a kill for want of it", async () => {
    for (const script of [
      'ulimit -v 400000; exec "$NODE" "$@"',
      "kill -9 $$",
      "kill -SEGV $$",
      'exec "$NODE" --max-heap-size=1 "$@"',
    ]) {
      await installation.replaceNode(script);
      const [pushed, got, delivered] = await statuses();
      expect([script, pushed, got, delivered]).toEqual([script, 1, 200, "nothing"]);
    }
    await installation.repairNode();
  });
});

describe("row 64", () => {
  test("without any Node", async () => {
    const { workspace } = ground;
    const PATH = await pathWithoutNode(workspace);
    await installation.removeNode();
    expect(await statuses({ PATH })).toEqual([1, 200, "nothing"]);
    expect(await statuses({ PATH, HINDSIGHT_NODE: "/nonexistent/node" })).toEqual([
      1,
      200,
      "nothing",
    ]);
    expect(await statuses({ PATH, HINDSIGHT_NODE: workspace.runtime.node })).toEqual([
      0,
      0,
      "delivered",
    ]);
    await installation.repairNode();
  });

  test.each([
    ["the entry", "program/entry.cjs"],
    ["the commands themselves", "program/archive-*.cjs"],
    ["anything that they share", "program/[!e]*.cjs"],
  ])("without %s", async (_, file) => {
    const paths = await Array.fromAsync(glob(join(installation.home, "dist", file)));
    expect(paths).not.toEqual([]);
    for (const path of paths) await rename(path, `${path}.gone`);
    try {
      expect(await statuses()).toEqual([1, 200, "nothing"]);
    } finally {
      for (const path of paths) await rename(`${path}.gone`, path);
    }
    expect(await statuses()).toEqual([0, 0, "delivered"]);
  });

  test.each(["--no-such-option", "--max-old-space-size=1", "--require=/nonexistent.cjs"])(
    "NODE_OPTIONS=%s of a server's environment changes nothing",
    async (options) => {
      const environment = { NODE_OPTIONS: options, NODE_PATH: "/nonexistent" };
      expect(await statuses(environment)).toEqual([0, 0, "delivered"]);
    },
  );

  test("PostgreSQL keeps its WAL while there is no Node, and archives all of it afterwards", async () => {
    const { production, workspace } = ground;
    await archiveSegments(production, 1);
    const PATH = await pathWithoutNode(workspace).catch(() => workspace.path("path"));
    await installation.removeNode();
    await production.set({ archive_command: `PATH=${PATH} ${installation.archiveCommand}` });
    await production.reload();
    const failures = async (): Promise<number> =>
      Number(await production.value("select failed_count from pg_stat_archiver"));
    const before = await failures();
    const kept = [await switchWal(production), await switchWal(production)];
    await waitUntil("a failure of the archiver", async () => (await failures()) > before);
    await production.sql("checkpoint");
    for (const name of kept) {
      expect(existsSync(join(production.dataDirectory, "pg_wal", name))).toBe(true);
      expect(existsSync(objectPath(production, name))).toBe(false);
    }
    expect(await production.isRunning()).toBe(true);
    expect(await production.log()).toContain("needs Node.js 26 or newer");
    await installation.repairNode();
    await archiveSegments(production, 1);
    for (const name of kept) expect(existsSync(objectPath(production, name))).toBe(true);
  });
});
