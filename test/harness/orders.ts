// The tables of the documents: users and orders (1,000 and 60,004 rows), critical_orders (10,000), and what the stories
// do to them. Values come from row numbers, not from random(), so that contents can be compared between runs.
import type { RowCounts } from "../../src/cli/demo/counts.ts";
import {
  BASELINE,
  BEFORE_ACCIDENT,
  CREATE_CRITICAL_ORDERS,
  CREATE_ORDERS,
} from "../../src/cli/demo/tables.ts";
import type { Cluster } from "./cluster.ts";

/** Rows that {@link createOrders} makes, and those that the stories add. */
export const ROWS: RowCounts & { readonly normalOrders: number; readonly newOrders: number } = {
  ...BASELINE,
  normalOrders: BEFORE_ACCIDENT.orders - BASELINE.orders,
  newOrders: BEFORE_ACCIDENT.criticalOrders - BASELINE.criticalOrders,
};

/** Creates and fills `users` and `orders`. */
export async function createOrders(cluster: Cluster): Promise<void> {
  await cluster.sql(`
    ${CREATE_ORDERS.join(";")};
    insert into users (name, email)
      select 'user ' || i, 'user' || i || '@example.com' from generate_series(1, ${ROWS.users}) i;
    insert into orders (user_id, product, amount)
      select i % ${ROWS.users} + 1, 'PRODUCT_' || i, (i * 37 % 50000) / 100.0 + 50
      from generate_series(1, ${ROWS.orders}) i;`);
}

/** Creates and fills `critical_orders`: of ten rows seven completed, two pending, one cancelled. */
export async function createCriticalOrders(cluster: Cluster): Promise<void> {
  await cluster.sql(`
    ${CREATE_CRITICAL_ORDERS.join(";")};
    insert into critical_orders (order_number, customer_email, amount, status)
      select 'ORD-' || lpad(i::text, 8, '0'), 'customer' || i || '@example.com', (i * 37 % 100000) / 100.0 + 50,
        case when i % 10 < 7 then 'completed' when i % 10 < 9 then 'pending' else 'cancelled' end
      from generate_series(1, ${ROWS.criticalOrders}) i;`);
}

/** Adds NORMAL_ORDER_1 to NORMAL_ORDER_count to `orders`. */
export async function insertNormalOrders(
  cluster: Cluster,
  count: number = ROWS.normalOrders,
): Promise<void> {
  await cluster.sql(`
    insert into orders (user_id, product, amount)
      select i % ${ROWS.users} + 1, 'NORMAL_ORDER_' || i, (i * 37 % 50000) / 100.0 + 50
      from generate_series(1, ${count}) i`);
}

/** Adds completed orders to `critical_orders`, numbered on from those that are there. */
export async function insertNewOrders(
  cluster: Cluster,
  count: number = ROWS.newOrders,
): Promise<void> {
  await cluster.sql(`
    insert into critical_orders (order_number, customer_email, amount, status)
      select 'ORD-' || lpad((last + i)::text, 8, '0'), 'newcustomer' || i || '@example.com',
        (i * 37 % 200000) / 100.0 + 100, 'completed'
      from generate_series(1, ${count}) i, (select count(*) as last from critical_orders) as present`);
}

/** A hash over all rows of a table, for "the same content". */
export async function contentHash(cluster: Cluster, table: string): Promise<string> {
  return String(
    await cluster.value(
      `select md5(coalesce(string_agg(row_text, E'\\n' order by row_text), ''))
       from (select t::text as row_text from ${table} as t) as rows`,
    ),
  );
}
