// Checksums that are switched on while the server is down change every page without a word in WAL: what was backed up before
// must not be built upon, or a restore would mix pages with and without a checksum.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { expectSuccess } from "../harness/command.ts";
import { MAJORS } from "../harness/majors.ts";
import { createOrders } from "../harness/orders.ts";
import { protectCluster } from "../harness/protected.ts";
import { expectRestoredAsPrimary, takeBackup } from "../integration/incremental-ground.ts";

const DEBIAN = "/usr/lib/postgresql";
const major =
  readdirSync(DEBIAN)
    .map(Number)
    .findLast((found) => MAJORS.includes(found)) ?? 0;

test("after pg_checksums --enable a full backup is taken, and from then on incremental ones again", async () => {
  await using site = await protectCluster({ major, checksums: false });
  const { production } = site;
  await createOrders(production);
  await takeBackup(site, "full");
  expect(await takeBackup(site, "incr")).toMatchObject({ type: "incr" });
  await production.stop("fast");
  const tool = join(DEBIAN, String(major), "bin", "pg_checksums");
  const parameters = ["--enable", "--no-sync", "-D", production.dataDirectory];
  expectSuccess(await site.workspace.runProgram(tool, parameters));
  await production.start();
  await production.sql("update orders set amount = 0 where id = 1");
  const after = await takeBackup(site, "incr");
  expect(after).toMatchObject({ type: "full", prior: null });
  expect(after.log).toContain("data checksums were switched on since then");
  expect(after.log).toContain("no prior backup exists, incr backup has been changed to full");
  const next = await takeBackup(site, "incr");
  expect(next).toMatchObject({ type: "incr", prior: after.label });
  await expectRestoredAsPrimary(site, "copy");
});
