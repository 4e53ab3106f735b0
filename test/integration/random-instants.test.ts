// A property of every restore: whatever the transactions and whichever instant between two commits is chosen, by xid, LSN
// or time, the restored tables hold exactly the rows of that instant. The seed is printed; HINDSIGHT_TEST_SEED repeats it.
import { describe, expect, test } from "vitest";
import { type Random, seededRandom } from "../../src/base/random.ts";
import type { Cluster } from "../harness/cluster.ts";
import { MAJORS, NEWEST_MAJOR } from "../harness/majors.ts";
import { contentHash, createOrders } from "../harness/orders.ts";
import { type ProtectedSite, protectCluster } from "../harness/protected.ts";
import { type CommittedTransaction, transaction, waitForArchived } from "../harness/wal.ts";

const SEED = Number(process.env["HINDSIGHT_TEST_SEED"] ?? Date.now() % 2 ** 31);

/** A committed transaction and what the tables held after it. */
interface Step {
  readonly commit: CommittedTransaction;
  readonly content: string;
}

const ROW_COUNT = 60_004;

/** One random change of the orders, of any kind that a DBA meets. */
function randomStatement(random: Random): string {
  const begin = random.integer(1, ROW_COUNT);
  const end = begin + random.integer(1, 3000);
  const range = `id between ${begin} and ${end}`;
  const choices = [
    `insert into orders (user_id, product, amount) select 1, 'R' || i, i from generate_series(1, ${end - begin}) i`,
    `delete from orders where ${range}`,
    `update orders set amount = amount + 1 where ${range}`,
    `update orders set product = product || repeat('x', 200) where ${range}`,
    `savepoint s; delete from orders; rollback to s; delete from orders where id = ${begin}`,
    `create table t${begin} as select * from orders where ${range}; drop table t${begin}`,
    "alter table orders alter column amount type numeric(12,2); alter table orders alter column amount type numeric(10,2)",
  ];
  return choices[random.integer(0, choices.length)] ?? "select 1";
}

async function randomHistory(
  production: Cluster,
  random: Random,
  count: number,
): Promise<readonly Step[]> {
  const steps: Step[] = [];
  for (let step = 0; step < count; step += 1) {
    const commit = await transaction(production, randomStatement(random));
    steps.push({ commit, content: await contentHash(production, "orders") });
    if (random.integer(0, 4) === 0) await production.sql("checkpoint");
    if (random.integer(0, 4) === 0) await waitForArchived(production);
  }
  await waitForArchived(production);
  return steps;
}

/** The arguments of a target right after the step, in one of the ways there are to say it. */
function randomTarget(random: Random, step: Step, next: Step | undefined): readonly string[] {
  const { commit } = step;
  const ways: (readonly string[])[] = [
    ["--type=xid", `--target=${commit.xid}`],
    ["--type=time", `--target=${commit.endTime}`],
    ["--type=lsn", `--target=${commit.endLsn}`, "--target-exclusive"],
  ];
  if (next) ways.push(["--type=xid", `--target=${next.commit.xid}`, "--target-exclusive"]);
  return ways[random.integer(0, ways.length)] ?? [];
}

async function restoreAndCompare(
  site: ProtectedSite,
  steps: readonly Step[],
  { random, name }: { readonly random: Random; readonly name: string },
): Promise<void> {
  const index = random.integer(0, steps.length - 1);
  const step = steps[index];
  if (!step) throw new Error("there are no steps");
  const target = randomTarget(random, step, steps[index + 1]);
  const because = `seed ${SEED}, step ${index}, ${target.join(" ")}`;
  await using copy = await site.restore(name, [...target, "--target-action=promote"]);
  await copy.start();
  await copy.waitForPromotion();
  expect(await contentHash(copy, "orders"), because).toBe(step.content);
  await copy.sql("create extension amcheck");
  await copy.sql("select bt_index_check('orders_pkey', true)");
}

describe.each(MAJORS)("PostgreSQL %i, 60,000 rows", (major) => {
  test(`holds exactly the rows of random instants (seed ${SEED})`, async () => {
    const random = seededRandom(SEED + major);
    await using site = await protectCluster({ major });
    await createOrders(site.production);
    await site.backUp();
    const before = await randomHistory(site.production, random, 4);
    await site.backUp();
    const after = await randomHistory(site.production, random, 6);
    for (let round = 0; round < 3; round += 1) {
      // A step before the second backup needs the first one, one after it gets the second.
      const steps = round === 0 ? before : after;
      await restoreAndCompare(site, steps, { random, name: `copy${round}` });
    }
  });
});

describe(`PostgreSQL ${NEWEST_MAJOR}, 1 GB`, () => {
  test(`holds exactly the rows of random instants (seed ${SEED})`, async () => {
    const random = seededRandom(SEED);
    await using site = await protectCluster({ major: NEWEST_MAJOR, walSegmentSizeMb: 16 });
    await createOrders(site.production);
    await site.production.sql(
      `create unlogged table seed as select i, repeat(md5(i::text), 30) as filler from generate_series(1, 1000000) i;
       create table bulk as select * from seed; drop table seed`,
    );
    const size = await site.production.value("select pg_database_size(current_database())");
    expect(Number(size)).toBeGreaterThan(1_000_000_000);
    await site.backUp();
    const steps = await randomHistory(site.production, random, 5);
    for (let round = 0; round < 2; round += 1) {
      await restoreAndCompare(site, steps, { random, name: `copy${round}` });
    }
  });
});
