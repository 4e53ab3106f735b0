// What is tested one by one elsewhere, together: an encrypted repository with lz4, a chain of backups on it, verification,
// restores of an incremental (whole, by delta, one table), retention that takes the chain's beginning away, and what is
// left verified again.
import { expect, test } from "vitest";
import { contentsOf, expectVisible } from "../harness/contents.ts";
import { NEWEST_MAJOR } from "../harness/majors.ts";
import { createOrders } from "../harness/orders.ts";
import { openCluster } from "../harness/cluster.ts";
import { type ProtectedSite, protectCluster } from "../harness/protected.ts";
import { waitForArchived } from "../harness/wal.ts";
import { takeBackup } from "./incremental-ground.ts";

const SETTINGS = {
  "repo1-cipher-type": "aes-256-gcm",
  "repo1-cipher-pass": "correct horse battery staple",
  "compress-type": "lz4",
  "repo1-retention-full": "1",
  "expire-auto": "n",
  "expire-grace": "0",
};

interface Verified {
  readonly repositories: readonly { readonly findings: readonly unknown[] }[];
}

async function expectWhole({ workspace }: ProtectedSite): Promise<void> {
  const { repositories } = await workspace.json<Verified>(["verify"]);
  expect(repositories.map(({ findings }) => findings)).toEqual([[]]);
}

async function change(site: ProtectedSite, turn: number): Promise<void> {
  const { production } = site;
  await production.sql(
    `create table turn_${turn} as select ${turn} as turn, n from generate_series(1, 500) n`,
  );
  await production.sql(`update orders set amount = amount + ${turn} where id % 97 = ${turn}`);
  await production.sql("vacuum orders");
}

test("encryption, chains, verification, restores and retention", async () => {
  const major = NEWEST_MAJOR;
  await using site = await protectCluster({ major }, { global: SETTINGS });
  const { workspace, production } = site;
  await createOrders(production);
  const first = await takeBackup(site, "full");
  await change(site, 1);
  const second = await takeBackup(site, "incr");
  await change(site, 2);
  const third = await takeBackup(site, "diff");
  await change(site, 3);
  const fourth = await takeBackup(site, "incr");
  expect([second.prior, third.prior, fourth.prior]).toEqual([
    first.label,
    first.label,
    third.label,
  ]);
  expect([second.contentScan, third.contentScan, fourth.contentScan]).toEqual([null, null, null]);
  await waitForArchived(production);
  await expectWhole(site);
  const expected = await contentsOf(production);

  // Whole; then the same directory again, of which only what the server changed is written.
  await using copy = await site.restore("copy", []);
  await copy.start();
  await copy.waitForPromotion();
  expect(await contentsOf(copy)).toEqual(expected);
  await expectVisible(copy);
  await copy.stop();
  const again = await workspace.json<{ readonly filesKept: number }>([
    `--pg1-path=${workspace.path("copy")}`,
    "--delta",
    `--set=${fourth.label}`,
    "restore",
  ]);
  expect(again.filesKept).toBeGreaterThan(500);
  await copy.start();
  await copy.waitForPromotion();
  expect(await contentsOf(copy)).toEqual(expected);

  // One table of the chain's end.
  await workspace.succeed([
    `--pg1-path=${workspace.path("part")}`,
    "--table-include=postgres.public.turn_3",
    "restore",
  ]);
  const dataDirectory = workspace.path("part");
  await using part = await openCluster({ workspace, major, dataDirectory, name: "part" });
  await part.start();
  await part.waitForPromotion();
  expect(await part.count("turn_3")).toBe(500);

  // A new chain takes the place of the old one, and nothing that it needs goes.
  const fifth = await takeBackup(site, "full");
  await change(site, 4);
  const sixth = await takeBackup(site, "incr");
  await workspace.succeed(["expire"]);
  await workspace.succeed(["expire"]);
  const left = await workspace.json<readonly { readonly label: string }[]>(["list-backups"]);
  expect(left.map(({ label }) => label)).toEqual([sixth.label, fifth.label]);
  await waitForArchived(production);
  await expectWhole(site);
  await using last = await site.restore("last", []);
  await last.start();
  await last.waitForPromotion();
  expect(await contentsOf(last)).toEqual(await contentsOf(production));
});
