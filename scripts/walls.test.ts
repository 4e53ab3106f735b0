// Proves that lint enforces what docs/architecture.md says about who may import whom: for every pair of folders a file
// is written that imports from one into the other, and lint must complain about exactly the forbidden ones.
import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const ROOT = join(import.meta.dirname, "..");

const FLOOR = ["base", "model"];
const STORES = [...FLOOR, "config", "postgres", "wal", "codec", "storage", "repository"];
const WORK = ["backup", "archive", "restore", "retention", "verify"];

/** The table of architecture.md: folder, and what it may import beside itself. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  base: [],
  model: ["base"],
  config: FLOOR,
  postgres: FLOOR,
  wal: FLOOR,
  codec: FLOOR,
  storage: FLOOR,
  repository: [...FLOOR, "codec", "storage", "wal"],
  backup: STORES,
  archive: STORES,
  restore: STORES,
  retention: STORES,
  verify: STORES,
  recovery: [...STORES, ...WORK],
  agent: [...STORES, ...WORK, "recovery"],
  cli: [...STORES, ...WORK, "recovery", "agent"],
};
const FOLDERS = Object.keys(MAY_IMPORT);

/** The file of a folder that anybody allowed to import the folder may import. */
const publicFile = (folder: string): string =>
  ({ storage: "object-store.ts", wal: "index-codec.ts" })[folder] ?? "public.ts";

/** Single statements beside the table: the file that says it, the statement, and whether lint must refuse it. */
const CASES: readonly [file: string, statement: string, refused: boolean][] = [
  ["src/model/io.ts", 'import "node:fs/promises";', true],
  ["src/model/no-io.ts", 'import "node:buffer";', false],
  ["src/wal/io.ts", 'import "node:fs";', true],
  ["src/codec/io.ts", 'import "node:child_process";', true],
  ["src/codec/no-io.ts", 'import "node:zlib";', false],
  ["src/repository/driver.ts", 'import "../storage/filesystem.ts";', true],
  ["src/repository/decoder.ts", 'import "../wal/record.ts";', true],
  ["src/backup/driver.ts", 'import "../storage/filesystem.ts";', true],
  ["src/restore/settings.ts", 'import "../config/load.ts";', true],
  ["src/recovery/checks/driver.ts", 'import "../../storage/memory.ts";', true],
  ["src/recovery/checks/outside.ts", 'import "../../cli/main.ts";', true],
  ["src/recovery/checks/inside.ts", 'import "../plan.ts";', false],
  ["src/recovery/insides.ts", 'import "../restore/inner/step.ts";', true],
  ["src/cli/insides.ts", 'import "../agent/http/server.ts";', true],
  ["src/cli/driver.ts", 'import "../storage/filesystem.ts";', false],
  ["src/backup/print.ts", 'console.log("no");', true],
  ["src/cli/render/print.ts", 'console.log("yes");', false],
  ["src/model/default.ts", "export default 1;", true],
  ["src/model/any.ts", "export const value: any = 1;", true],
];

describe("the walls between folders", () => {
  let directory = "";
  let complaints: ReadonlySet<string> = new Set();

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), "hindsight-walls-"));
    await copyFile(join(ROOT, ".oxlintrc.json"), join(directory, ".oxlintrc.json"));
    for (const from of FOLDERS) {
      for (const to of FOLDERS) {
        if (from === to) continue;
        const target = publicFile(to);
        await write(`src/${from}/uses-${to}.ts`, `import "../${to}/${target}";`);
        await write(`src/${from}/deep/uses-${to}.ts`, `import "../../${to}/${target}";`);
      }
    }
    for (const [file, statement] of CASES) await write(file, statement);
    complaints = await lint(directory);
  });

  afterAll(() => rm(directory, { recursive: true, force: true }));

  const write = async (file: string, content: string): Promise<void> => {
    await mkdir(dirname(join(directory, file)), { recursive: true });
    await writeFile(join(directory, file), `${content}\n`);
  };

  test("every folder of src has its place in the table", async () => {
    const entries = await readdir(join(ROOT, "src"), { withFileTypes: true });
    const folders = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
    expect(FOLDERS).toEqual(expect.arrayContaining(folders));
  });

  test.each(FOLDERS)("src/%s imports only what it may", (from) => {
    const others = FOLDERS.filter((to) => to !== from);
    for (const depth of ["", "deep/"]) {
      const refused = others.filter((to) => complaints.has(`src/${from}/${depth}uses-${to}.ts`));
      const forbidden = others.filter((to) => !MAY_IMPORT[from]?.includes(to));
      expect(refused).toEqual(forbidden);
    }
  });

  test.each(CASES)("%s: %s", (file, _statement, refused) => {
    expect(complaints.has(file)).toBe(refused);
  });
});

/** Runs oxlint in a directory; returns the files that it complains about. */
async function lint(directory: string): Promise<ReadonlySet<string>> {
  const program = join(ROOT, "node_modules", ".bin", "oxlint");
  const report = await promisify(execFile)(program, ["--format=json"], {
    cwd: directory,
    maxBuffer: 64 * 1024 * 1024,
  }).catch((error: unknown) => error as { stdout: string });
  const { diagnostics } = JSON.parse(report.stdout) as { diagnostics: { filename: string }[] };
  return new Set(diagnostics.map((diagnostic) => diagnostic.filename));
}
