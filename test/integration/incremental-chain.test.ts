// The oracle of incremental backups: a chain of them, ten deep (on older majors five), taken while tables are written, made,
// dropped, truncated and rewritten. What is restored of one must be what the primary held: exactly for tables that stood
// still during the backup, and for all once recovery goes on to the end; with sound indexes and a true visibility map.
import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import type { Cluster } from "../harness/cluster.ts";
import { contentsOf, expectSound, expectVisible } from "../harness/contents.ts";
import { NEWEST_MAJOR, OUTER_MAJORS } from "../harness/majors.ts";
import { type ProtectedSite, protectCluster } from "../harness/protected.ts";
import { waitForArchived } from "../harness/wal.ts";

/** What the command says of a backup. */
interface Backup {
  readonly label: string;
  readonly type: string;
  readonly prior: string | null;
  readonly size: number;
  readonly delta: number;
  readonly contentScan: string | null;
}

const TYPES = [
  "full",
  "incr",
  "incr",
  "diff",
  "incr",
  "incr",
  "incr",
  "diff",
  "incr",
  "incr",
  "incr",
];
const SEED = Number(process.env["HINDSIGHT_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

async function createSubjects(cluster: Cluster): Promise<void> {
  await cluster.sql(`
    create table still (id int primary key, n int, t text);
    insert into still select i, 0, md5(i::text) || md5((-i)::text) from generate_series(1, 40000) i;
    create table shrunk (id int primary key, t text);
    insert into shrunk select i, md5(i::text) from generate_series(1, 30000) i;
    create table emptied (id int, t text);
    create table rewritten (id int primary key, n numeric);
    insert into rewritten select i, i from generate_series(1, 20000) i;
    create table hashed (id int);
    create index on hashed using hash (id);
    create table noisy (id int primary key, n int, t text);
    insert into noisy select i, 0, md5(i::text) from generate_series(1, 20000) i`);
  await cluster.sql("vacuum");
}

/** Changes of one step, some of them chosen by chance; nothing is written when they are done. */
function changesOf(
  step: number,
  random: { integer(begin: number, end: number): number },
): string[] {
  const from = random.integer(1, 39_000);
  const possible = [
    `update still set n = n + 1 where id between ${from} and ${from + 40}`,
    `update still set t = t || 'x' where id % 997 = ${step}`,
    `delete from still where id % 499 = ${random.integer(0, 499)}`,
    `insert into still select i, 1, 'new' from generate_series(${step * 100_000}, ${step * 100_000 + 2000}) i`,
    "vacuum (freeze) still",
    `delete from shrunk where id > ${random.integer(5000, 25_000)}`,
    "vacuum (truncate) shrunk",
    `insert into shrunk select i, 'again' from generate_series(${step * 100_000}, ${step * 100_000 + 8000}) i`,
    `begin; truncate emptied; rollback`,
    "truncate emptied",
    `insert into emptied select i, i::text from generate_series(1, ${random.integer(1, 9000)}) i`,
    "vacuum full rewritten",
    "cluster rewritten using rewritten_pkey",
    `update rewritten set n = n + 1 where id % ${random.integer(2, 50)} = 0`,
    `insert into hashed select i from generate_series(1, ${random.integer(1, 5000)}) i`,
    "delete from hashed where id % 3 = 0",
    "vacuum hashed",
    `create table made_${step} as select i, repeat('x', 300) as t from generate_series(1, 3000) i`,
    `drop table if exists "made_${step - 2}"`,
    "reindex table still",
    "analyze",
    "checkpoint",
  ];
  return possible.filter((statement) => statement.startsWith("create") || random.integer(0, 3) > 0);
}

/** Writes into `noisy` and makes and drops tables until it is told to stop. */
async function makeNoise(cluster: Cluster, isOver: () => boolean): Promise<void> {
  await using session = await cluster.connect();
  for (let turn = 1; !isOver(); turn += 1) {
    await session.sql(`update noisy set n = n + 1 where id % 200 = ${turn % 200}`);
    await session.sql("create table noise as select * from noisy where id < 300; drop table noise");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

async function backUpUnderNoise(site: ProtectedSite, type: string): Promise<Backup> {
  let isOver = false;
  const noise = makeNoise(site.production, () => isOver);
  try {
    return await site.workspace.json<Backup>([`--type=${type}`, "--process-max=2", "backup"]);
  } finally {
    isOver = true;
    await noise;
  }
}

function withoutNoise(contents: readonly string[]): readonly string[] {
  return contents.filter((line) => !line.includes(".noisy "));
}

describe.each(OUTER_MAJORS)("PostgreSQL %i", (major) => {
  test(`each backup of a long chain restores to what the primary held (HINDSIGHT_TEST_SEED=${SEED})`, async () => {
    const random = seededRandom(SEED);
    await using site = await protectCluster({
      major,
      checksums: major !== 14,
      walSegmentSizeMb: 16,
    });
    const { production } = site;
    await createSubjects(production);
    const backups: Backup[] = [];
    const held: (readonly string[])[] = [];
    const types = major === NEWEST_MAJOR ? TYPES : TYPES.slice(0, 6);
    for (const [step, type] of types.entries()) {
      for (const statement of step === 0 ? [] : changesOf(step, random)) {
        await production.sql(statement);
      }
      held.push(withoutNoise(await contentsOf(production)));
      backups.push(await backUpUnderNoise(site, type));
    }
    expect(backups.map(({ type }) => type)).toEqual(types);
    expect(backups.map(({ prior }) => prior)).toEqual(priorsOf(backups));
    expect(backups.map(({ contentScan }) => contentScan)).toEqual(types.map(() => null));
    // What several steps rewrote adds up in a differential one: half of all files, with some seeds.
    for (const { type, size, delta } of backups.slice(1)) {
      const share = type === "diff" ? 0.75 : 0.5;
      expect([type, delta > 0 && delta < size * share]).toEqual([type, true]);
    }
    await waitForArchived(production);
    for (const step of [4, types.length - 1]) {
      const set = [`--set=${backups[step]?.label}`, "--target-action=promote"];
      await using copy = await site.restore(`at${step}`, ["--type=immediate", ...set]);
      await copy.start();
      await copy.waitForPromotion();
      expect([step, withoutNoise(await contentsOf(copy))]).toEqual([step, held[step]]);
      await expectSound(copy);
      await expectVisible(copy);
    }
    const expected = await contentsOf(production);
    await using copy = await site.restore("copy", []);
    await copy.start();
    await copy.waitForPromotion();
    expect(await contentsOf(copy)).toEqual(expected);
    await expectVisible(copy);
  });
});

/** A differential backup builds on the last full one, an incremental one on the one before it. */
function priorsOf(backups: readonly Backup[]): readonly (string | null)[] {
  return backups.map(({ type }, place) => {
    if (type === "full") return null;
    const before = backups.slice(0, place);
    return (
      (type === "diff" ? before.findLast((each) => each.type === "full") : before.at(-1))?.label ??
      null
    );
  });
}
