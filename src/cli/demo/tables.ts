// The tables of the demonstration, which are also those of the tests, with the counts that everything is measured
// against. The tests fill them with values of their own, which are the same in every run.
import type { RowCounts } from "./counts.ts";

/** Rows before anything happens. */
export const BASELINE: RowCounts = { users: 1_000, orders: 60_004, criticalOrders: 10_000 };

/** Rows at the instant before the accident: 100 ordinary orders and 500 critical ones later. */
export const BEFORE_ACCIDENT: RowCounts = { users: 1_000, orders: 60_104, criticalOrders: 10_500 };

/** Statements that create `users` and `orders`, empty. */
export const CREATE_ORDERS: readonly string[] = [
  `CREATE TABLE users (
     id serial PRIMARY KEY,
     name text NOT NULL,
     email text UNIQUE NOT NULL)`,
  `CREATE TABLE orders (
     id serial PRIMARY KEY,
     user_id integer NOT NULL,
     product text NOT NULL,
     amount numeric(10,2) NOT NULL,
     order_date timestamptz NOT NULL DEFAULT now())`,
];

/** Statements that create `critical_orders`, empty. */
export const CREATE_CRITICAL_ORDERS: readonly string[] = [
  `CREATE TABLE critical_orders (
     id serial PRIMARY KEY,
     order_number varchar(50) UNIQUE NOT NULL,
     customer_email varchar(100),
     amount numeric(10,2),
     status varchar(20),
     created_at timestamp DEFAULT now())`,
  `CREATE INDEX idx_orders_created ON critical_orders (created_at)`,
];

/** Statements that fill them with the rows of {@link BASELINE}. */
export const FILL_TABLES: readonly string[] = [
  `INSERT INTO users (name, email)
   SELECT 'User ' || n, 'user' || n || '@example.com' FROM generate_series(1, 1000) n`,
  `INSERT INTO orders (user_id, product, amount)
   SELECT (random() * 999)::int + 1, 'PRODUCT_' || n % 50, (random() * 500 + 50)::numeric(10,2)
   FROM generate_series(1, 60004) n`,
  `INSERT INTO critical_orders (order_number, customer_email, amount, status)
   SELECT 'ORD-' || lpad(n::text, 8, '0'), 'customer' || n || '@example.com', (random() * 1000 + 50)::numeric(10,2),
          CASE WHEN random() < 0.7 THEN 'completed' WHEN random() < 0.9 THEN 'pending' ELSE 'cancelled' END
   FROM generate_series(1, 10000) n`,
];

/** An ordinary morning: 100 orders that must not be lost. */
export const NORMAL_ORDERS = `INSERT INTO orders (user_id, product, amount)
   SELECT (random() * 999)::int + 1, 'NORMAL_ORDER_' || n, (random() * 500 + 50)::numeric(10,2)
   FROM generate_series(1, 100) n`;

/** 500 critical orders from new customers. */
export const NEW_CRITICAL_ORDERS = `INSERT INTO critical_orders (order_number, customer_email, amount, status)
   SELECT 'ORD-' || lpad((10000 + n)::text, 8, '0'), 'newcustomer' || n || '@example.com',
          (random() * 2000 + 100)::numeric(10,2), 'completed'
   FROM generate_series(1, 500) n`;

/** The accident: two statements of one transaction, neither with the WHERE clause it should have had. */
export const ACCIDENT: readonly string[] = [
  "DELETE FROM orders",
  "DELETE FROM critical_orders WHERE status = 'completed'",
];

/** Somebody registers before the application is stopped: work of after the accident. */
export const LATE_CUSTOMER =
  "INSERT INTO users (name, email) VALUES ('Late Customer', 'late@example.com')";
