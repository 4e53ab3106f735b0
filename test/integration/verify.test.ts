// verify on a real repository: every kind of object is damaged in turn, and each time it is found, with what it costs.
import { readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createContext } from "../../src/base/context.ts";
import { seededRandom } from "../../src/base/random.ts";
import { stanzaName } from "../../src/model/stanza.ts";
import { openRepository } from "../../src/repository/repository.ts";
import { createFilesystemStore } from "../../src/storage/filesystem.ts";
import { faulty } from "../../src/storage/faulty.ts";
import { type Verification, verifyStanza } from "../../src/verify/verify.ts";
import { damagesOf } from "../fault/damage.ts";
import { NEWEST_MAJOR } from "../harness/majors.ts";
import { createOrders } from "../harness/orders.ts";
import { type ProtectedSite, protectCluster } from "../harness/protected.ts";
import { switchWal, transaction, waitForArchived } from "../harness/wal.ts";

const SEED = Number(process.env["HINDSIGHT_TEST_SEED"] ?? Date.now() % 2 ** 31);

interface VerifyJson {
  readonly repositories: readonly {
    readonly findings: readonly { readonly key: string; readonly backups: readonly string[] }[];
    readonly missingWal: readonly { readonly first: string; readonly last: string }[];
    readonly sound: readonly string[];
    readonly recoverable: { readonly windows: readonly { readonly backup: string }[] };
    readonly checked: { readonly packs: number; readonly packsRead: number };
  }[];
}

let site: ProtectedSite;
let first = "";
let second = "";

beforeAll(async () => {
  site = await protectCluster({ major: NEWEST_MAJOR });
  await createOrders(site.production);
  first = await site.backUp();
  for (let id = 1; id <= 3; id += 1) {
    await transaction(site.production, `delete from orders where id <= ${id * 10}`);
    await switchWal(site.production);
  }
  second = await site.backUp();
  await site.workspace.succeed(["hold", `--set=${second}`, "--reason=a test"]);
  await site.workspace.succeed(["annotate", `--set=${first}`, "--annotation=a=b"]);
  await waitForArchived(site.production);
}, 120_000);

afterAll(() => site[Symbol.asyncDispose]());

async function keys(): Promise<readonly string[]> {
  const { repositoryDirectory } = site.workspace;
  const entries = await readdir(repositoryDirectory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(repositoryDirectory.length + 1))
    .toSorted();
}

async function verifyAll(): Promise<Verification> {
  const context = createContext({ random: seededRandom(SEED) });
  const store = createFilesystemStore(site.workspace.repositoryDirectory);
  const repository = await openRepository(store, context);
  const stanza = stanzaName("main");
  const request = { repository, stanza, label: undefined, sampleShare: 1, threadCount: 2 };
  return await verifyStanza(request, context);
}

/** Runs `act` while the object of that key holds other bytes, or is not there. */
async function withDamage(
  key: string,
  bytes: Buffer | undefined,
  act: () => Promise<void>,
): Promise<void> {
  const file = join(site.workspace.repositoryDirectory, key);
  const original = await readFile(file);
  try {
    if (bytes) await writeFile(file, bytes);
    else await rm(file);
    await act();
  } finally {
    await writeFile(file, original);
    await site.workspace.give(file);
  }
}

test("a sound repository has no findings, and everything in it was read", async () => {
  const { workspace } = site;
  const { findings, counts, sound } = await verifyAll();
  expect(findings).toEqual([]);
  expect(sound).toEqual([first, second]);
  const all = await keys();
  const count = (pattern: RegExp): number => all.filter((key) => pattern.test(key)).length;
  expect(counts).toMatchObject({
    backups: 2,
    packs: count(/\/pack\//),
    packsRead: count(/\/pack\//),
    catalogues: count(/\/catalogue\//),
    archive: { listedCount: count(/\/archive\//), readCount: count(/\/archive\//) },
  });
  const result = await workspace.succeed(["verify", "--process-max=2"]);
  expect(result.stdout).toContain("nothing is wrong");
  const sample = await workspace.json<VerifyJson>(["verify", "--sample=0%"]);
  expect(sample.repositories[0]?.checked).toMatchObject({ packsRead: 0, packs: counts.packs });
  const one = await workspace.json<VerifyJson>(["verify", `--set=${second}`]);
  expect(one.repositories[0]).toMatchObject({ sound: [second], findings: [], recoverable: null });
});

test("damage of every kind of object is found and named", { timeout: 180_000 }, async () => {
  const all = await keys();
  const kinds: readonly (readonly [RegExp, readonly string[]])[] = [
    [new RegExp(`/pack/${second}/`), [second]],
    [new RegExp(`/backup/${first}/manifest$`), [first]],
    [new RegExp(`/backup/${first}/outcome$`), [first]],
    [new RegExp(`/backup/${first}/intent$`), []],
    [/\/[0-9A-F]{24}\.index-\d+$/, []],
    [/\/[0-9A-F]{24}\.[0-9A-F]{8}\.backup$/, []],
    [/\/catalogue\//, []],
    [/\/hold\//, []],
    [/\/annotation\//, []],
    [/\/[0-9A-F]{24}$/, []],
  ];
  const random = seededRandom(SEED);
  for (const [pattern, lost] of kinds) {
    const key = all.findLast((each) => pattern.test(each)) ?? "";
    expect(key, `an object like ${pattern.source}`).not.toBe("");
    const original = await readFile(join(site.workspace.repositoryDirectory, key));
    const damages = damagesOf(original, { random, flips: 4 });
    for (const place of lost.length > 0 ? [2, 10] : [2]) {
      const { title, bytes } = damages[place] ?? { title: "", bytes: original };
      await withDamage(key, bytes, async () => {
        const { findings, sound } = await verifyAll();
        const what = `HINDSIGHT_TEST_SEED=${SEED}: ${key} ${title}`;
        expect(
          findings.map((each) => each.key),
          what,
        ).toContain(key);
        expect(sound, what).toEqual([first, second].filter((label) => !lost.includes(label)));
      });
    }
  }
});

test("the command says what is lost and what is left", { timeout: 60_000 }, async () => {
  const { workspace } = site;
  const all = await keys();
  const pack = all.find((key) => key.includes(`/pack/${first}/`)) ?? "";
  await withDamage(pack, undefined, async () => {
    const result = await workspace.run(["verify", "--output=json"]);
    expect(result.exitCode).toBe(22);
    const [found] = (JSON.parse(result.stdout) as VerifyJson).repositories;
    expect(found?.findings).toMatchObject([{ kind: "missing", key: pack, backups: [first] }]);
    expect(found?.sound).toEqual([second]);
    expect(found?.recoverable.windows.map(({ backup }) => backup)).toEqual([second]);
    const text = await workspace.run(["verify"]);
    expect(text.stdout).toContain(`lost with it: ${first}`);
  });
  // A segment between the backups: both can be restored, but no instant behind it from the first.
  const header = await workspace.json<{ lastSegment: string }>(["show-backup", first]);
  const segment = all.find(
    (key) => /\/[0-9A-F]{24}$/.test(key) && key.slice(-24) > header.lastSegment,
  );
  await withDamage(segment ?? "", undefined, async () => {
    const result = await workspace.run(["verify", "--output=json"]);
    expect(result.exitCode).toBe(31);
    const [found] = (JSON.parse(result.stdout) as VerifyJson).repositories;
    expect(found?.findings).toEqual([]);
    expect(found?.missingWal).toMatchObject([{ first: segment?.slice(-24) }]);
    expect(found?.sound).toEqual([first, second]);
    // Where retention keeps less, the hole is as wished.
    const kept = ["--repo1-retention-full=2", "--repo1-retention-archive=1"];
    expect((await workspace.run(["verify", ...kept])).exitCode).toBe(0);
  });
  expect((await workspace.run(["verify", "--sample=many"])).exitCode).toBe(2);
});

test("whatever call of the store fails, verify throws it and calls nothing damaged", async () => {
  const context = createContext({ random: seededRandom(SEED) });
  const store = createFilesystemStore(site.workspace.repositoryDirectory);
  const whole = faulty(store, [], context);
  const run = async (place: typeof store): Promise<Verification> => {
    const repository = await openRepository(place, context);
    const stanza = stanzaName("main");
    const request = { repository, stanza, label: undefined, sampleShare: 0, threadCount: 1 };
    return await verifyStanza(request, context);
  };
  await run(whole);
  const { length } = whole.calls;
  for (let nth = 1; nth <= length; nth += Math.ceil(length / 25)) {
    const rule = { nth, fault: { kind: "fail" } } as const;
    await expect(run(faulty(store, [rule], context))).rejects.toThrow("injected fault");
  }
});
