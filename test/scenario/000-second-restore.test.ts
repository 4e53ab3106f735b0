// Document 000, the second restore: the first one goes to a time after the DELETE, is found wanting and thrown away; the
// second starts again from the same base and goes to the instant before. Rows 000-1, 000-2, 000-3, 000-4, 000-5, 000-9.
import { existsSync } from "node:fs";
import { rm } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { OUTER_MAJORS } from "../harness/majors.ts";
import { createOrders, ROWS } from "../harness/orders.ts";
import { type ProtectedSite, protectCluster } from "../harness/protected.ts";
import { snapshotTree } from "../harness/tree.ts";
import { transaction, waitForArchived } from "../harness/wal.ts";

interface Accident {
  readonly site: ProtectedSite;
  readonly xid: string;
  readonly tooLate: string;
}

async function deleteOrders(major: number): Promise<Accident> {
  const site = await protectCluster({ major });
  await createOrders(site.production);
  await site.backUp();
  const accident = await transaction(site.production, "delete from orders");
  await site.production.sql(
    "insert into users (name, email) values ('later', 'later@example.com')",
  );
  await waitForArchived(site.production);
  return { site, xid: accident.xid, tooLate: accident.endTime };
}

describe.each(OUTER_MAJORS)("PostgreSQL %i", (major) => {
  test("a restore that went too late is thrown away, and the second one brings the rows back", async () => {
    const { site, xid, tooLate } = await deleteOrders(major);
    await using _ = site;
    const sources = await snapshotTree(site.workspace.repositoryDirectory);

    const tooLateArguments = ["--type=time", `--target=${tooLate}`, "--target-action=promote"];
    await using first = await site.restore("recovered", tooLateArguments);
    await first.start();
    await first.waitForPromotion();
    expect(await first.count("orders")).toBe(0);
    await first.stop("fast");

    // Never from what was recovered: the same destination is refused as it is …
    const inPlace = [
      "--type=xid",
      `--target=${xid}`,
      "--target-exclusive",
      "--target-action=promote",
    ];
    const refused = await site.tryRestore("recovered", inPlace);
    expect([refused.exitCode, refused.stderr]).toEqual([
      30,
      expect.stringContaining("is not empty"),
    ]);
    // … and discarded for the next attempt.
    await rm(first.dataDirectory, { recursive: true });

    await using second = await site.restore("recovered", inPlace);
    await second.start();
    await second.waitForPromotion();
    expect(await second.count("orders")).toBe(ROWS.orders);
    expect(await second.count("users", "name = 'later'")).toBe(0);

    expect(await snapshotTree(site.workspace.repositoryDirectory)).toEqual(sources);
    expect(await site.production.count("orders")).toBe(0);
  });

  test("over a promoted directory a restore starts again from the base, never from what is there", async () => {
    const { site, xid, tooLate } = await deleteOrders(major);
    await using _ = site;
    const first = ["--type=time", `--target=${tooLate}`, "--target-action=promote"];
    await using copy = await site.restore("recovered", first);
    await copy.start();
    await copy.waitForPromotion();
    await copy.sql("create table made_on_the_wrong_branch (id int)");

    const second = [
      "--type=xid",
      `--target=${xid}`,
      "--target-exclusive",
      "--target-action=promote",
    ];
    const running = await site.tryRestore("recovered", [...second, "--force"]);
    expect(running.exitCode).toBe(30);
    expect(await copy.count("made_on_the_wrong_branch")).toBe(0);

    await copy.stop("fast");
    await site.workspace.succeed([
      `--pg1-path=${copy.dataDirectory}`,
      ...second,
      "--delta",
      "restore",
    ]);
    await copy.start();
    await copy.waitForPromotion();
    expect(await copy.count("orders")).toBe(ROWS.orders);
    expect(await copy.value("select to_regclass('made_on_the_wrong_branch')")).toBeNull();
    expect(existsSync(copy.dataDirectory)).toBe(true);
  });
});
