// Counting the rows that matter, in production and in what was recovered.
import type { Session } from "../../postgres/connection.ts";

/** Rows of each of the demonstration's tables. */
export interface RowCounts {
  readonly users: number;
  readonly orders: number;
  readonly criticalOrders: number;
}

/** The rows that a server shows now. */
export async function countRows(session: Session): Promise<RowCounts> {
  const row = await session.row(
    `SELECT (SELECT count(*) FROM users) AS users,
            (SELECT count(*) FROM orders) AS orders,
            (SELECT count(*) FROM critical_orders) AS critical_orders`,
  );
  return {
    users: Number(row["users"]),
    orders: Number(row["orders"]),
    criticalOrders: Number(row["critical_orders"]),
  };
}

/** Whether both counted the same. */
export function sameCounts(left: RowCounts, right: RowCounts): boolean {
  return (
    left.users === right.users &&
    left.orders === right.orders &&
    left.criticalOrders === right.criticalOrders
  );
}

/** `60,104` */
export function thousands(count: number): string {
  return count.toLocaleString("en-US");
}
