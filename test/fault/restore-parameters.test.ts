// Row 56 of the fault matrix: the restored configuration allows less than production did later on, and WAL says so.
// PostgreSQL refuses such a recovery or promotes in the middle of it, depending on the settings; `restore --start` starts
// the server with what the recovery needs, and it comes to its end.
import { describe, expect, test } from "vitest";
import { OUTER_MAJORS } from "../harness/majors.ts";
import { createCriticalOrders } from "../harness/orders.ts";
import { protectCluster } from "../harness/protected.ts";
import { transaction, waitForArchived } from "../harness/wal.ts";
import { openSqlSession } from "../harness/sql-session.ts";

const LOW = {
  max_connections: 12,
  max_worker_processes: 4,
  max_wal_senders: 2,
  max_prepared_transactions: 0,
  max_locks_per_transaction: 16,
};
const HIGH = {
  max_connections: 60,
  max_worker_processes: 16,
  max_wal_senders: 8,
  max_prepared_transactions: 10,
  max_locks_per_transaction: 128,
};

interface Recovered {
  readonly recovery: {
    readonly state: string;
    readonly port: number;
    readonly socketDirectory: string;
  };
}

describe.each(OUTER_MAJORS)("PostgreSQL %i", (major) => {
  test("settings that were raised after the backup are raised for the recovery as well", async () => {
    await using site = await protectCluster({ major, settings: LOW });
    const { production, workspace } = site;
    await createCriticalOrders(production);
    await site.backUp();
    await production.set(HIGH);
    await production.restart();
    const { xid } = await transaction(production, "delete from critical_orders where id <= 1000");
    await waitForArchived(production);

    for (const action of ["promote", "pause"]) {
      const copy = workspace.path(`copy-${action}`);
      const result = await workspace.json<Recovered>([
        `--pg1-path=${copy}`,
        "--type=xid",
        `--target=${xid}`,
        `--target-action=${action}`,
        "--start",
        "--port=5999",
        "restore",
      ]);
      const { state, port, socketDirectory } = result.recovery;
      expect([action, state]).toEqual([action, action === "promote" ? "promoted" : "paused"]);
      await using session = await openSqlSession({
        host: socketDirectory,
        port,
        database: "postgres",
      });
      expect(await session.value("select count(*) from critical_orders")).toBe("9000");
    }
  });
});
