// The tables of the documents: users and orders (1,000 and 60,004 rows), critical_orders (10,000), and what the stories
// do to them. Values come from row numbers, not from random(), so that contents can be compared between runs.
import type { Cluster } from "./cluster.ts";

/** Rows that {@link createOrders} makes, and those that the stories add. */
export const ROWS = {
  users: 1000,
  orders: 60_004,
  normalOrders: 100,
  criticalOrders: 10_000,
  newOrders: 500,
} as const;

/** Creates and fills `users` and `orders`. */
export async function createOrders(cluster: Cluster): Promise<void> {
  await cluster.sql(`
    create table users (
      id serial primary key,
      name text not null,
      email text unique not null,
      created_at timestamptz default now()
    );
    create table orders (
      id serial primary key,
      user_id int not null,
      product text not null,
      amount numeric(10,2) not null,
      order_date timestamptz default now()
    );
    insert into users (name, email)
      select 'user ' || i, 'user' || i || '@example.com' from generate_series(1, ${ROWS.users}) i;
    insert into orders (user_id, product, amount)
      select i % ${ROWS.users} + 1, 'PRODUCT_' || i, (i * 37 % 50000) / 100.0 + 50
      from generate_series(1, ${ROWS.orders}) i;`);
}

/** Creates and fills `critical_orders`: of ten rows seven completed, two pending, one cancelled. */
export async function createCriticalOrders(cluster: Cluster): Promise<void> {
  await cluster.sql(`
    create table critical_orders (
      id serial primary key,
      order_number varchar(50) unique not null,
      customer_email varchar(100),
      amount numeric(10,2),
      status varchar(20),
      created_at timestamp default now()
    );
    create index idx_orders_created on critical_orders (created_at);
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
