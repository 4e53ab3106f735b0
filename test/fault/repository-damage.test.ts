// Rows 18, 19 and 20 of the fault matrix for what a backup consists of, and for the records above it: whichever object is
// damaged, missing or in another's place, a restore ends with 22 and names it, nothing that PostgreSQL could start has
// come into being, and the other backup can still be restored. Objects of the archive: archive-damage.test.ts.
import { existsSync } from "node:fs";
import { readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import type { CommandResult } from "../harness/command.ts";
import { NEWEST_MAJOR } from "../harness/majors.ts";
import { contentHash, createCriticalOrders } from "../harness/orders.ts";
import { type ProtectedSite, protectCluster } from "../harness/protected.ts";
import { waitForArchived } from "../harness/wal.ts";
import { errorCode } from "./archive-ground.ts";
import { damagesOf } from "./damage.ts";

const SEED = Number(process.env["HINDSIGHT_TEST_SEED"] ?? Date.now() % 2 ** 31);
const FLIPS = 8;
const DESTINATION = "copy";

let site: ProtectedSite;
/** Two backups: the second is damaged, the first must stay usable. */
let good = "";
let victim = "";
let expected = "";

beforeAll(async () => {
  site = await protectCluster({ major: NEWEST_MAJOR });
  await createCriticalOrders(site.production);
  good = await site.backUp();
  await site.production.sql("update critical_orders set amount = amount + 1");
  victim = await site.backUp();
  await waitForArchived(site.production);
  expected = await contentHash(site.production, "critical_orders");
});

afterAll(() => site[Symbol.asyncDispose]());

/** The keys of the objects by which a restore of the second backup lives. */
const OBJECTS: readonly (readonly [string, () => string])[] = [
  ["the record of the repository", () => "repository.json"],
  ["the record of the stanza", () => "stanza/main/stanza/1"],
  ["the outcome", () => `stanza/main/backup/${victim}/outcome`],
  ["the manifest", () => `stanza/main/backup/${victim}/manifest`],
];

function objectFile(key: string): string {
  return join(site.workspace.repositoryDirectory, key);
}

async function restore(label: string): Promise<CommandResult> {
  await rm(site.workspace.path(DESTINATION), { recursive: true, force: true });
  return await site.tryRestore(DESTINATION, [`--set=${label}`, "--type=immediate"]);
}

/** Nothing that PostgreSQL could start lies at the destination. */
function isStartable(): boolean {
  return existsSync(site.workspace.path(DESTINATION, "global", "pg_control"));
}

/** Expects the restore of the second backup to fail for the object of that key. */
async function expectDamageFound(key: string, title: string): Promise<void> {
  const result = await restore(victim);
  expect([title, isStartable()], result.stderr).toEqual([title, false]);
  expect([title, result.exitCode, result.stderr]).toEqual([
    title,
    22,
    expect.stringContaining(key),
  ]);
  expect(errorCode(result)).toMatch(/^OBJECT_/);
  expect(result.stderr).toMatch(/^hint: ./m);
}

async function expectRestores(label: string, rows: string): Promise<void> {
  await rm(site.workspace.path(DESTINATION), { recursive: true, force: true });
  await using copy = await site.restore(DESTINATION, [`--set=${label}`]);
  await copy.start();
  await copy.waitForPromotion();
  expect(await contentHash(copy, "critical_orders")).toBe(rows);
}

async function whileDamaged(
  key: string,
  bytes: Uint8Array,
  body: () => Promise<void>,
): Promise<void> {
  const path = objectFile(key);
  const original = await readFile(path);
  await writeFile(path, bytes);
  try {
    await body();
  } finally {
    await writeFile(path, original);
  }
}

async function whileMissing(key: string, body: () => Promise<void>): Promise<void> {
  const aside = site.workspace.path("aside");
  await rename(objectFile(key), aside);
  try {
    await body();
  } finally {
    await rename(aside, objectFile(key));
  }
}

async function whileSwapped(left: string, right: string, body: () => Promise<void>): Promise<void> {
  const [one, other] = [await readFile(objectFile(left)), await readFile(objectFile(right))];
  await whileDamaged(left, other, () => whileDamaged(right, one, body));
}

async function packsOf(label: string): Promise<readonly string[]> {
  const names = await readdir(objectFile(`stanza/main/pack/${label}`));
  return names.toSorted().map((name) => `stanza/main/pack/${label}/${name}`);
}

/** Where in a pack the page hashes lie: bytes that only a comparison of contents reads, and no restore. */
function pageHashRange(pack: Buffer): readonly [number, number] {
  const footer = pack.length - 48;
  return [Number(pack.readBigUInt64LE(footer + 8)), Number(pack.readBigUInt64LE(footer + 16))];
}

describe(`rows 18 and 19, seed ${SEED}`, () => {
  test.each(OBJECTS)(
    "%s: every damage is found, and the other backup is usable",
    async (_, keyOf) => {
      const key = keyOf();
      const original = await readFile(objectFile(key));
      const random = seededRandom(SEED);
      for (const { title, bytes } of damagesOf(original, { random, flips: FLIPS })) {
        await whileDamaged(key, bytes, () => expectDamageFound(key, title));
      }
      await whileDamaged(key, original.subarray(0, 100), async () => {
        const other = await restore(good);
        const isShared = !key.includes(victim);
        expect([other.exitCode, isStartable()]).toEqual(isShared ? [22, false] : [0, true]);
      });
    },
  );

  test("a pack: every damage is found, and the other backup is usable", async () => {
    const random = seededRandom(SEED);
    for (const key of await packsOf(victim)) {
      const original = await readFile(objectFile(key));
      const [hashesBegin, hashesEnd] = pageHashRange(original);
      for (const { title, bytes } of damagesOf(original, { random, flips: FLIPS })) {
        const place = Number(/of byte (\d+) flipped/.exec(title)?.[1] ?? -1);
        if (place >= hashesBegin && place < hashesEnd) continue;
        await whileDamaged(key, bytes, () => expectDamageFound(key, `${key} ${title}`));
      }
      await whileDamaged(key, original.subarray(0, 100), async () => {
        expect([(await restore(good)).exitCode, isStartable()]).toEqual([0, true]);
      });
    }
  });

  test("a pack whose page hashes are damaged restores every row: nothing else reads them", async () => {
    const [key = ""] = await packsOf(victim);
    const bytes = await readFile(objectFile(key));
    const [begin] = pageHashRange(bytes);
    bytes.writeUInt8(bytes.readUInt8(begin) ^ 1, begin);
    await whileDamaged(key, bytes, () => expectRestores(victim, expected));
  });

  test("a damaged intent, which only says who began, harms neither this backup nor the next", async () => {
    const key = `stanza/main/backup/${victim}/intent`;
    await whileDamaged(key, Buffer.from("x"), async () => {
      await expectRestores(victim, expected);
      expect((await site.workspace.run(["info"])).exitCode).toBe(0);
    });
  });

  test("without --set a damaged outcome is said aloud, and the backup before it is taken", async () => {
    const key = `stanza/main/backup/${victim}/outcome`;
    await whileDamaged(key, Buffer.from("x"), async () => {
      await rm(site.workspace.path(DESTINATION), { recursive: true, force: true });
      const result = await site.tryRestore(DESTINATION, ["--output=json"]);
      expect([result.exitCode, JSON.parse(result.stdout)], result.stderr).toEqual([
        0,
        expect.objectContaining({ backup: good }),
      ]);
      expect(result.stderr).toMatch(/WARN: .*damaged/);
      const info = await site.workspace.run(["info"]);
      expect([info.exitCode, info.stdout]).toEqual([0, expect.stringContaining(good)]);
      expect(info.stderr).toContain(victim);
    });
  });

  test("without --set a damaged manifest is said aloud, and the backup before it is taken", async () => {
    const key = `stanza/main/backup/${victim}/manifest`;
    await whileDamaged(key, Buffer.from("x"), async () => {
      await rm(site.workspace.path(DESTINATION), { recursive: true, force: true });
      const result = await site.workspace.json<{ backup: string }>([
        `--pg1-path=${site.workspace.path(DESTINATION)}`,
        "restore",
      ]);
      expect(result.backup).toBe(good);
      for (const command of ["info", "list-backups"]) {
        const { stdout, stderr } = await site.workspace.succeed([command]);
        expect(stdout).toContain(good);
        expect(stderr).toMatch(RegExp(`WARN: .*damaged.*${key}`));
      }
    });
  });

  test("when the manifest of every backup is damaged, a restore is 22", async () => {
    const key = `stanza/main/backup/${victim}/manifest`;
    const other = `stanza/main/backup/${good}/manifest`;
    await whileDamaged(key, Buffer.from("x"), () =>
      whileDamaged(other, Buffer.from("x"), async () => {
        await rm(site.workspace.path(DESTINATION), { recursive: true, force: true });
        const result = await site.tryRestore(DESTINATION, []);
        expect([result.exitCode, isStartable()]).toEqual([22, false]);
        expect(result.stderr).toContain(other);
      }),
    );
  });
});

describe("row 20", () => {
  test.each(OBJECTS)("%s is missing", async (_, keyOf) => {
    const key = keyOf();
    await whileMissing(key, async () => {
      const result = await restore(victim);
      expect([result.exitCode, isStartable()], result.stderr).not.toEqual([0, true]);
      expect(isStartable()).toBe(false);
      // Without its outcome a backup does not exist; without its record neither does a stanza or a repository.
      expect([2, 20, 22], result.stderr).toContain(result.exitCode);
      expect(result.stderr).toMatch(/^hint: ./m);
    });
    await expectRestores(victim, expected);
  });

  test("a pack is missing: 22 with its name", async () => {
    for (const key of await packsOf(victim)) {
      await whileMissing(key, () => expectDamageFound(key, "missing"));
    }
  });

  test("packs of one backup swapped, packs and manifests of two: 22", async () => {
    const [first = "", second = ""] = await packsOf(victim);
    const [other = ""] = await packsOf(good);
    const manifest = `stanza/main/backup/${victim}/manifest`;
    const pairs: readonly (readonly [string, string])[] = [
      [first, second],
      [first, other],
      [manifest, `stanza/main/backup/${good}/manifest`],
      [`stanza/main/backup/${victim}/outcome`, `stanza/main/backup/${good}/outcome`],
      [manifest, first],
    ];
    for (const [left, right] of pairs) {
      await whileSwapped(left, right, async () => {
        const result = await restore(victim);
        const title = `${left} with ${right}`;
        expect([title, result.exitCode, isStartable()]).toEqual([title, 22, false]);
        expect(result.stderr).toContain("stanza/main/");
      });
    }
    await expectRestores(victim, expected);
  });

  test("the outcome of one backup does not commit another", async () => {
    const other = await readFile(objectFile(`stanza/main/backup/${good}/outcome`));
    const key = `stanza/main/backup/${victim}/outcome`;
    await whileDamaged(key, other, () => expectDamageFound(key, "copied"));
  });
});
