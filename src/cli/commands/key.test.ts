import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished, test } from "vitest";
import { createContext } from "../../base/context.ts";
import { createRepository } from "../../repository/repository.ts";
import { makeStorePlace } from "../../storage/open-store.ts";
import type { JsonValue } from "../render/json.ts";
import { repositoryAccess, repositoryStore, storeSettings } from "../repositories.ts";
import { settingsOf } from "../settings.fixture.ts";
import { run } from "./key.ts";

const context = createContext();
let directory = "";
/** Two encrypted repositories, opened with one key file. */
let file = "";

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "hindsight-key-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  await writeFile(join(directory, "key"), Buffer.alloc(32, 1), { mode: 0o600 });
  const lines = [1, 2].flatMap((number) => [
    `repo${number}-path=${join(directory, `repo${number}`)}`,
    `repo${number}-cipher-type=aes-256-gcm`,
    `repo${number}-cipher-key-file=${join(directory, "key")}`,
  ]);
  file = ["[global]", ...lines, "[main]", "pg1-path=/pg"].join("\n");
  const settings = await settingsOf({ words: ["info"], file });
  for (const number of [1, 2]) {
    await makeStorePlace(storeSettings(settings, number));
    const store = repositoryStore(settings, number, context);
    await createRepository(store, context, repositoryAccess(settings, number));
  }
});

/** What the command prints, as text and as JSON. */
async function key(
  ...words: readonly string[]
): Promise<{ readonly text: string; readonly json: JsonValue }> {
  const settings = await settingsOf({
    words: ["key", ...words],
    file,
    environment: { HINDSIGHT_NEW_CIPHER_PASS: "sesame" },
  });
  let printed: { text: string; json: JsonValue } | undefined;
  const output = {
    format: "text" as const,
    result: (text: string, json: JsonValue): void => {
      printed = { text, json };
    },
  };
  const positional = words.filter((word) => !word.startsWith("--"));
  expect(await run({ settings, words: positional, context, output })).toBe(0);
  if (!printed) throw new Error("nothing was printed");
  return printed;
}

test("the slots of all repositories are listed; one repository is changed at a time", async () => {
  expect((await key("list")).json).toMatchObject({
    slots: [
      { kind: "key-file", "repo-key": 1, inUse: true, note: "in use" },
      { kind: "key-file", "repo-key": 2, inUse: true },
    ],
  });
  await expect(key("add", "escrow")).rejects.toMatchObject({
    code: "CONFIG_OPTION_MISSING",
    hint: expect.stringContaining("--repo=1 or --repo=2") as string,
  });
  await key("add", "escrow", "--repo=2", "--dry-run");
  await key("add", "escrow", "--repo=2");
  expect((await key("list", "--repo=1")).json).toMatchObject({ slots: [{ kind: "key-file" }] });
  expect((await key("list", "--repo=2")).text).toMatch(/^repo2 +escrow +passphrase /m);
  await key("remove", "escrow", "--repo=2", "--dry-run");
  await key("remove", "escrow", "--repo=2");
  expect((await key("list", "--repo=2")).text).not.toContain("escrow");
});

test("a slot that somebody changed is shown as such, and can be removed", async () => {
  await key("add", "escrow", "--repo=1");
  const path = join(directory, "repo1", "key", "escrow");
  await rm(path);
  await writeFile(path, "nonsense");
  expect((await key("list", "--repo=1")).text).toMatch(/escrow .*damaged/);
  await key("remove", "escrow", "--repo=1");
  expect((await key("list", "--repo=1")).text).not.toContain("escrow");
});

test("a key file is made for its owner alone, and never overwritten", async () => {
  const path = join(directory, "new");
  await key("generate", path, "--dry-run");
  await expect(stat(path)).rejects.toMatchObject({ code: "ENOENT" });
  await key("generate", path);
  const { mode, size } = await stat(path);
  expect([mode & 0o777, size]).toEqual([0o600, 32]);
  const content = await readFile(path);
  await expect(key("generate", path)).rejects.toMatchObject({ code: "COMMAND_ARGUMENT_INVALID" });
  expect(await readFile(path)).toEqual(content);
  await expect(key("generate", "/no/such/place")).rejects.toMatchObject({ exitCode: 2 });
});

test.each([
  [["rotate"], /cannot "rotate"/],
  [["add", "No Name"], /cannot be called/],
  [["add", "../x"], /cannot be called/],
  [["remove"], /needs the name/],
  [["generate"], /needs the path/],
])("key %j is refused with what to type", async (words, message) => {
  await expect(key(...words)).rejects.toMatchObject({
    code: "COMMAND_ARGUMENT_INVALID",
    message: expect.stringMatching(message) as string,
  });
});
