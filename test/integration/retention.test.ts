// Retention with real backups: what expires is gone, what stays restores to every instant that the dry run promised.
import { readdir } from "node:fs/promises";
import { expect, test } from "vitest";
import { NEWEST_MAJOR } from "../harness/majors.ts";
import { contentHash, createOrders } from "../harness/orders.ts";
import { protectCluster } from "../harness/protected.ts";
import { switchWal, transaction, waitForArchived } from "../harness/wal.ts";

interface ExpiryJson {
  readonly dryRun: boolean;
  readonly repositories: readonly {
    readonly expired: readonly { readonly label: string }[];
    readonly deleted: { readonly backups: readonly string[]; readonly packs: number };
    readonly deletedLater: {
      readonly backups: readonly string[];
      readonly wal: readonly { readonly segments: number }[];
    };
    readonly windows: Record<
      "before" | "after",
      {
        readonly windows: readonly {
          readonly backup: string;
          readonly earliest: { time: string };
        }[];
      }
    >;
  }[];
}

test(
  "a backup expires what is beyond retention, and the rest restores",
  { timeout: 180_000 },
  async () => {
    await using site = await protectCluster({ major: NEWEST_MAJOR });
    const { workspace, production } = site;
    await createOrders(production);
    const keep = ["--repo1-retention-full=2", "--expire-grace=0"];
    const take = async (): Promise<string> => {
      const words = ["--type=full", "--start-fast", ...keep, "backup"];
      return (await workspace.json<{ label: string }>(words)).label;
    };
    const first = await take();
    await transaction(production, "delete from orders where id <= 10");
    const second = await take();
    await transaction(production, "delete from orders where id <= 20");
    await switchWal(production);
    const target = await transaction(production, "delete from orders where id <= 30");
    const content = await contentHash(production, "orders");
    await transaction(production, "truncate orders");
    await waitForArchived(production);

    const files = async (): Promise<readonly string[]> =>
      (await readdir(workspace.repositoryDirectory, { recursive: true })).toSorted();
    const before = await files();
    const preview = await workspace.json<ExpiryJson>([
      "expire",
      "--repo1-retention-full=1",
      "--dry-run",
    ]);
    expect(await files()).toEqual(before);
    const [plan] = preview.repositories;
    expect(plan).toMatchObject({
      expired: [{ label: first }],
      deleted: { backups: [], packs: 0 },
      deletedLater: { backups: [first] },
    });
    expect(plan?.windows.before.windows.map(({ backup }) => backup)).toEqual([first]);
    expect(plan?.windows.after.windows.map(({ backup }) => backup)).toEqual([second]);
    const text = await workspace.succeed(["expire", "--repo1-retention-full=1", "--dry-run"]);
    expect(text.stdout).toContain("what could be recovered then:");

    const third = await take();
    const labels = await workspace.json<{ label: string }[]>(["list-backups"]);
    expect(labels.map(({ label }) => label)).toEqual([third, second]);
    // Empty directories stay.
    expect((await files()).filter((name) => name.includes(`${first}/`))).toEqual([]);
    await using copy = await site.restore("copy", [
      "--type=xid",
      `--target=${target.xid}`,
      "--target-action=promote",
    ]);
    await copy.start();
    await copy.waitForPromotion();
    expect(await contentHash(copy, "orders")).toBe(content);
    // The window is what the dry run said, and begins with the backup that is the oldest now.
    const window = await workspace.json<{
      windows: { backup: string; earliest: { time: string } }[];
    }>(["window"]);
    expect(window.windows[0]?.earliest).toEqual(plan?.windows.after.windows[0]?.earliest);

    await workspace.succeed(["hold", `--set=${third}`, "--reason=audit until March"]);
    const held = await workspace.run(["expire", `--set=${third}`]);
    expect(held.exitCode).toBe(27);
    expect(held.stderr).toContain("audit until March");
    await workspace.succeed(["annotate", `--set=${third}`, "--annotation=ticket=4711"]);
    expect((await workspace.succeed(["info"])).stdout).toContain("held: audit until March");
    const shown = await workspace.json(["show-backup", third]);
    expect(shown).toMatchObject({
      annotations: { ticket: "4711" },
      holds: [{ reason: "audit until March" }],
    });
    await workspace.succeed(["annotate", `--set=${third}`, "--annotation=ticket="]);
    expect(await workspace.json(["show-backup", third])).toMatchObject({ annotations: {} });
    await workspace.succeed(["hold", `--set=${third}`, "--release"]);
    expect(await workspace.json(["hold"])).toMatchObject({ holds: [] });
    await workspace.succeed(["expire", `--set=${third}`]);
    const last = await workspace.run(["expire", `--set=${second}`, "--output=json"]);
    expect(last.exitCode).toBe(2);
    expect(last.stderr).toContain("BACKUP_LAST");
  },
);
