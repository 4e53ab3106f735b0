// Work that writes something of every kind of record, for comparing the WAL decoder with PostgreSQL's own readers: DDL of
// all sorts, COPY, a load like pgbench's, procedures, partitions, rewrites, two phases, large objects.
import type { Cluster } from "../harness/cluster.ts";

/** A level at which WAL can be archived. Logical adds records, and flags to many. */
export type ArchivingLevel = "replica" | "logical";

/** Settings of a server that does the work: nothing of its WAL is removed. */
export function workloadSettings(level: ArchivingLevel): Record<string, string | number> {
  return {
    wal_level: level,
    max_prepared_transactions: 4,
    wal_keep_size: "500MB",
    min_wal_size: "2MB",
  };
}

/** Each in a call of its own; those with several statements are one transaction unless they say otherwise. */
const STEPS: readonly string[] = [
  `create table orders (id int primary key, customer int, note text);
   insert into orders select n, n % 100, repeat('x', n % 50) from generate_series(1, 2000) n;`,
  `create table kinds (a int, b text);
   create index on kinds using hash (a);
   create index on kinds using gin (to_tsvector('english', b));
   create index on kinds using gist (point(a, a));
   create index on kinds using brin (a);
   create index on kinds using spgist (b);
   insert into kinds select n, 'word' || n from generate_series(1, 300) n;`,
  "create table big (a text); alter table big alter a set storage external;",
  "insert into big select string_agg(md5(n::text), '') from generate_series(1, 3000) n;",
  "update orders set note = 'changed' where id % 7 = 0; delete from orders where id % 11 = 0;",
  "delete from kinds where a % 3 = 0",
  "vacuum orders, kinds",
  "vacuum full kinds",
  "cluster orders using orders_pkey",
  "truncate kinds",
  `begin; insert into orders values (100001, 1, 'a'); savepoint one;
   insert into orders values (100002, 1, 'b'); savepoint two;
   insert into orders values (100003, 1, 'c'); rollback to two; commit;`,
  `begin; insert into orders values (100010, 2, 'p'); create table prepared (a int);
   prepare transaction 'gid';`,
  "commit prepared 'gid'",
  "begin; delete from orders where id = 100010; prepare transaction 'gid2'",
  "rollback prepared 'gid2'",
  "select lo_create(4711); select lowrite(lo_open(4711, 131072), repeat('abcd', 5000)::bytea);",
  "select lo_unlink(4711)",
  `select pg_replication_origin_create('origin');
   select pg_replication_origin_session_setup('origin');
   begin; insert into orders values (100021, 2, 'o');
   select pg_replication_origin_xact_setup('0/12345678', '2020-01-01 00:00:00+00'); commit;
   select pg_replication_origin_session_reset();`,
  "select pg_create_restore_point('a point')",
  "select pg_logical_emit_message(false, 'p', repeat('z', 2500000))",
  "select pg_switch_wal()",
  // COPY out and in again: whole pages of rows in one record.
  "create table copied (like orders)",
  `do $$ declare file text := current_setting('data_directory') || '/rows.copy'; begin
     execute format('copy orders to %L', file); execute format('copy copied from %L', file); end $$`,
  // A load like pgbench's, with a commit of its own for each.
  `create table accounts (aid int primary key, abalance int, filler char(84)) with (fillfactor = 90);
   create table tellers (tid int primary key, tbalance int);
   create table history (tid int, aid int, delta int, at timestamptz default now());
   insert into accounts select n, 0, '' from generate_series(1, 3000) n;
   insert into tellers select n, 0 from generate_series(1, 10) n;`,
  "checkpoint",
  `do $$ begin for n in 1..600 loop
     update accounts set abalance = abalance + n where aid = 1 + (n * 7919) % 3000;
     update tellers set tbalance = tbalance + n where tid = 1 + n % 10;
     insert into history (tid, aid, delta) values (1 + n % 10, 1 + (n * 7919) % 3000, n);
     commit; end loop; end $$`,
  "vacuum accounts, tellers",
  // What a procedure does in blocks of its own, some of which fail.
  `create function careful(n int) returns int language plpgsql as $$ begin
     begin insert into orders values (n, n, 'kept'); exception when unique_violation then return 0; end;
     begin insert into orders values (n, n, 'again'); exception when unique_violation then return 1; end;
     return 2; end $$`,
  "select sum(careful(n)) from generate_series(1900, 2100) n",
  `create table parts (id int, kind int, body text) partition by list (kind);
   create table parts_1 partition of parts for values in (1);
   create table parts_2 partition of parts for values in (2);
   create table parts_3 partition of parts for values in (3) partition by range (id);
   create table parts_3_low partition of parts_3 for values from (0) to (500);
   create index on parts (id);
   insert into parts select n, n % 2 + 1, repeat('y', 30) from generate_series(1, 400) n;`,
  "update parts set kind = 3 where id % 5 = 0",
  "alter table parts detach partition parts_2; drop table parts_2;",
  "alter table orders alter customer type bigint",
  "alter table orders add column extra text default 'e', alter note set not null",
  "create materialized view sums as select customer, count(*) from orders group by customer",
  "create unique index on sums (customer); refresh materialized view concurrently sums",
  "create index concurrently on orders (customer)",
  "reindex table orders",
  "create sequence numbers; select count(nextval('numbers')) from generate_series(1, 100)",
  `create table children (id int references orders on delete cascade, n int);
   insert into children select id, 1 from orders limit 300; delete from orders where id <= 150;`,
  `insert into orders (id, customer, note) select n, 1, 'c' from generate_series(1800, 2300) n
     on conflict (id) do update set note = excluded.note`,
  "select count(*) from (select 1 from orders where id % 9 = 0 for update) locked",
  "create domain positive as int check (value > 0); comment on table orders is 'said'; analyze;",
  "create temp table passing (a int); create unlogged table untold (a int); insert into untold values (1);",
  "create schema other_schema; alter table copied set schema other_schema; drop schema other_schema cascade;",
  "update orders set note = 'image' where id % 3 = 0",
  "set wal_compression = on; checkpoint; update orders set note = 'packed' where id % 3 = 0;",
  "set wal_consistency_checking = 'all'; update orders set note = 'checked' where id % 50 = 0;",
  "vacuum full pg_class",
  "create database other",
  "drop database other",
];

/** Does all of it in one session. */
export async function doWork(cluster: Cluster): Promise<void> {
  await using session = await cluster.connect();
  for (const statements of STEPS) await session.sql(statements);
}
