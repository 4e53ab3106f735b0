// Lets PostgreSQL's own tools judge what Hindsight restores and hands out. The packages with servers hold no tools, so
// Debian's are used, with a server of their major: postgresql-client-NN, and postgresql-NN for pg_waldump.
import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseLsn } from "../../src/model/lsn.ts";
import { recordEndLsn } from "../../src/wal/record.ts";
import { type Cluster, startCluster } from "../harness/cluster.ts";
import { expectSuccess } from "../harness/command.ts";
import { MAJORS } from "../harness/majors.ts";
import { createCriticalOrders, createOrders } from "../harness/orders.ts";
import { protectCluster } from "../harness/protected.ts";
import { waitForArchived } from "../harness/wal.ts";
import { factsOf, readAll, type RecordFacts, segmentsOf } from "../integration/wal-comparison.ts";
import { doWork, workloadSettings } from "../integration/wal-workload.ts";

const DEBIAN = "/usr/lib/postgresql";
const major =
  readdirSync(DEBIAN)
    .map(Number)
    .findLast((found) => MAJORS.includes(found)) ?? 0;
const tool = (name: string): string => join(DEBIAN, String(major), "bin", name);

/**
 * Everything in a database as pg_dump writes it, but for two things: the key that it makes up for each dump, and the
 * positions of sequences, which PostgreSQL itself logs 32 values ahead.
 */
async function dump(cluster: Cluster): Promise<string> {
  const place = [`--host=${cluster.socketDirectory}`, `--port=${cluster.port}`];
  const parameters = [...place, "--username=postgres", "postgres"];
  const result = await cluster.workspace.runProgram(tool("pg_dump"), parameters);
  const ownWays = /^(?:\\(?:un)?restrict|SELECT pg_catalog\.setval\().*$/gm;
  return expectSuccess(result).stdout.replaceAll(ownWays, "");
}

test("pg_dump sees in a restored cluster what it sees in production", async () => {
  await using site = await protectCluster({ major });
  await createOrders(site.production);
  await site.backUp();
  await createCriticalOrders(site.production);
  await waitForArchived(site.production);
  await using copy = await site.restore("copy", []);
  await copy.start();
  await copy.waitForPromotion();
  const expected = await dump(site.production);
  expect(expected).toContain("ORD-00010000");
  expect(await dump(copy)).toBe(expected);
});

test("pg_waldump reads every segment that archive-get hands out, and the control file is production's", async () => {
  await using site = await protectCluster({ major, walSegmentSizeMb: 16 });
  const { workspace, production } = site;
  const first = await waitForArchived(production);
  await createOrders(production);
  const last = await waitForArchived(production);
  for (const segment of [first, last]) {
    const destination = workspace.path(segment);
    await workspace.succeed(["archive-get", segment, destination]);
    const original = await readFile(join(production.dataDirectory, "pg_wal", segment));
    expect((await readFile(destination)).equals(original)).toBe(true);
    const records = await workspace.runProgram(tool("pg_waldump"), [destination]);
    expect(records.stdout).toContain("rmgr: XLOG");
    expect(records.stdout.trimEnd().split("\n").at(-1)).toContain("SWITCH");
  }
  const control = await workspace.runProgram(tool("pg_controldata"), [production.dataDirectory]);
  const identifier = await production.value("select system_identifier from pg_control_system()");
  expect(expectSuccess(control).stdout).toMatch(new RegExp(`system identifier: +${identifier}\n`));
});

const LINE =
  /^rmgr: (\w+) +len \(rec\/tot\): +(\d+)\/ *(\d+), tx: +(\d+), lsn: ([0-9A-F]+\/[0-9A-F]+), prev ([0-9A-F]+\/[0-9A-F]+), desc: (.*)$/;
const REFERENCE = /blkref #\d+: rel (\d+\/\d+\/\d+) (?:fork (\w+) )?blk (\d+)/g;

/** A line of pg_waldump: place, record before, transaction, manager, lengths without and with images, blocks. */
function describeLine(line: string): string {
  const [, manager, bareBytes, totalBytes, xid, begin, previous, rest = ""] = LINE.exec(line) ?? [];
  const blocks = [...rest.matchAll(REFERENCE)].map(
    ([, relation, fork = "main", block]) => `${relation} ${fork} ${block}`,
  );
  return [begin, previous, xid, manager, bareBytes, totalBytes, ...blocks].join(" ");
}

/** The decoder's reading in the same words; pg_waldump pads positions with zeros. */
function describeFacts({ imageBytes, totalBytes, references, ...facts }: RecordFacts): string {
  const { begin, previous, xid, manager } = facts;
  const sizes = [totalBytes - imageBytes, totalBytes];
  return [padded(begin), padded(previous), xid, manager, ...sizes, ...references].join(" ");
}

function padded(position: string): string {
  const [high = "", low = ""] = position.split("/");
  return `${high}/${low.padStart(8, "0")}`;
}

test.each(["replica", "logical"] as const)(
  "pg_waldump reads WAL record by record as the decoder does, wal_level=%s",
  async (level) => {
    await using cluster = await startCluster({ major, settings: workloadSettings(level) });
    await doWork(cluster);
    const flushed = String(await cluster.value("select pg_current_wal_flush_lsn()"));
    const ours: RecordFacts[] = [];
    await readAll(major, await segmentsOf(cluster), (record) => {
      if (recordEndLsn(record) <= parseLsn(flushed)) ours.push(factsOf(record));
    });
    const directory = join(cluster.dataDirectory, "pg_wal");
    const begin = ours[0]?.begin ?? "";
    const dump = await cluster.workspace.runProgram(tool("pg_waldump"), [
      `--path=${directory}`,
      `--start=${begin}`,
      `--end=${flushed}`,
    ]);
    const theirs = expectSuccess(dump).stdout.trimEnd().split("\n").map(describeLine);
    expect(theirs.length).toBeGreaterThan(10_000);
    expect(ours).toHaveLength(theirs.length);
    // Record by record, so that a failure shows the first difference and not all.
    for (const [place, facts] of ours.entries()) expect(describeFacts(facts)).toBe(theirs[place]);
  },
);
