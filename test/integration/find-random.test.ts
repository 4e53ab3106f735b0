// A property of `find`: for any workload it reports exactly the rows that each transaction inserted, updated, deleted and
// moved, and the tables that it truncated, dropped or rewrote; nothing more, nothing less. And recovery to the place that
// it advises shows a table as it was. The seed is printed; HINDSIGHT_TEST_SEED repeats it.
import { describe, expect, test } from "vitest";
import { seededRandom } from "../../src/base/random.ts";
import { MAJORS } from "../harness/majors.ts";
import { contentHash } from "../harness/orders.ts";
import { type ProtectedSite, protectCluster } from "../harness/protected.ts";
import { waitForArchived } from "../harness/wal.ts";
import { createTables, describeEffect, type KnownHistory, Workload } from "./find-workload.ts";

const SEED = Number(process.env["HINDSIGHT_TEST_SEED"] ?? Date.now() % 2 ** 31);
const STEP_COUNT = 220;
const SAMPLE_COUNT = 2;
const SETTINGS = { max_prepared_transactions: 4, autovacuum: false };

/** The parts of the command's JSON that are looked at here. */
interface Found {
  readonly transactions: readonly FoundTransaction[];
  readonly searched: {
    readonly missing: readonly unknown[];
    readonly unreadable: readonly unknown[];
  };
}

interface FoundTransaction {
  readonly xid: string;
  readonly incomplete: boolean;
  readonly relations: readonly Readonly<Record<string, unknown>>[];
  readonly stopBefore: { readonly target: string; readonly timeline: number };
}

const EFFECTS = [
  "inserted",
  "updated",
  "deleted",
  "movedIn",
  "movedOut",
  "truncated",
  "dropped",
  "rewritten",
  "replacedBy",
];

/** The effects of a transaction in the words of the workload. */
function effectsOf({ relations }: FoundTransaction, names: KnownHistory["names"]): string[] {
  return relations
    .map((relation) => {
      const name = String(relation["name"]);
      const first = [...names].find(([, all]) => all.has(name))?.[0] ?? name;
      const effects = Object.fromEntries(EFFECTS.map((effect) => [effect, relation[effect]]));
      return describeEffect(first, effects) ?? `${first}: nothing`;
    })
    .toSorted();
}

/** By transaction, so that a difference shows where it is. */
function compare(
  found: Found,
  { transactions, anonymous, names }: KnownHistory,
  seed: string,
): void {
  const known = new Map(
    transactions.flatMap(({ xid, effects }) => (effects.length > 0 ? [[xid, effects]] : [])),
  );
  const told = new Map(found.transactions.map((each) => [each.xid, effectsOf(each, names)]));
  const others = [...told].filter(([xid]) => !known.has(xid)).flatMap(([, effects]) => effects);
  const named = [...told].filter(([xid]) => known.has(xid));
  expect(Object.fromEntries(named), seed).toEqual(Object.fromEntries(known));
  expect(others.toSorted(), seed).toEqual(anonymous.toSorted());
  expect(found.transactions.filter(({ incomplete }) => incomplete)).toEqual([]);
  expect(found.searched).toMatchObject({ missing: [], unreadable: [] });
}

async function restoreSamples(
  site: ProtectedSite,
  { found, history }: { readonly found: Found; readonly history: KnownHistory },
  seed: string,
): Promise<void> {
  const lossy = history.transactions.filter(({ witness }) => witness !== undefined);
  const step = Math.max(1, Math.floor(lossy.length / SAMPLE_COUNT));
  const samples = lossy.filter((_, place) => place % step === 0).slice(0, SAMPLE_COUNT);
  expect(samples.length, seed).toBeGreaterThan(0);
  for (const [place, { xid, witness }] of samples.entries()) {
    const target = found.transactions.find((each) => each.xid === xid)?.stopBefore.target;
    await using copy = await site.restore(`copy${place}`, [
      "--type=lsn",
      `--target=${target}`,
      "--target-exclusive",
      "--target-action=promote",
    ]);
    await copy.start();
    await copy.waitForPromotion();
    const content = await contentHash(copy, witness?.table ?? "");
    expect(content, `${seed}, transaction ${xid}`).toBe(witness?.content);
  }
}

describe.each(MAJORS)("PostgreSQL %i", (major) => {
  test(`find says what happened, and where to stop (seed ${SEED})`, async () => {
    const random = seededRandom(SEED + major);
    await using site = await protectCluster({ major, settings: SETTINGS });
    const { production, workspace } = site;
    await createTables(production);
    await site.backUp();
    const base = BigInt((await production.value("select pg_current_xact_id()")) ?? "0");
    await using workload = await Workload.start(production, random);
    await workload.run(STEP_COUNT);
    await site.backUp();
    await workload.run(STEP_COUNT);
    const history = await workload.finish();
    await waitForArchived(production);
    const all = await workspace.json<Found>(["--limit=100000", "find"]);
    const transactions = all.transactions.filter(({ xid }) => BigInt(xid) > base);
    const found = { ...all, transactions };
    const seed = `seed ${SEED}`;
    compare(found, history, seed);
    await restoreSamples(site, { found, history }, seed);
  });
});
