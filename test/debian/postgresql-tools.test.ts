// Lets PostgreSQL's own tools judge what Hindsight restores and hands out. The packages with servers hold no tools, so
// Debian's are used, with a server of their major: postgresql-client-NN, and postgresql-NN for pg_waldump.
import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Cluster } from "../harness/cluster.ts";
import { expectSuccess } from "../harness/command.ts";
import { MAJORS } from "../harness/majors.ts";
import { createCriticalOrders, createOrders } from "../harness/orders.ts";
import { protectCluster } from "../harness/protected.ts";
import { waitForArchived } from "../harness/wal.ts";

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
