// Makes WAL for wal-decode.ts: the transactions of pgbench (TPC-B) against a real PostgreSQL 18 out of npm packages.
//
//     node benchmarks/make-pgbench-wal.ts DIRECTORY [MEGABYTES] [images|no-images]
//
// DIRECTORY is created and gets whole segments of 16 MiB under their own names, 300 MB unless told otherwise. With
// images, which is the default, WAL begins behind a checkpoint, so that it holds an image of every page at its first
// change, as PostgreSQL's WAL does. Without, it is what comes later until the next checkpoint: the short records only,
// which cost a decoder the most.
//
// Tables, statements and their distribution are those of pgbench's built-in script; its statements come in one call of
// a function, which writes the same records and spares the round trips. What is not pgbench's: no fsync, because the
// disk is not what is measured.
import { copyFile, mkdir, mkdtemp } from "node:fs/promises";
import { join } from "node:path";
import { openRuntime } from "../src/cli/demo/runtime.ts";
import { type Cluster, startCluster } from "../test/harness/cluster.ts";
import { beginRun } from "../test/harness/run.ts";
import { Workspace } from "../test/harness/workspace.ts";

const MAJOR = 18;
const SIZE_DEFAULT_MEGABYTES = 300;
const SEGMENT_SIZE_MIB = 16;
const SCALE = 20;
const CLIENTS = 4;
const TELLERS_PER_BRANCH = 10;
const ACCOUNTS_PER_BRANCH = 100_000;

/** What `pgbench --initialize` makes. */
const TABLES = `
  create table pgbench_branches (bid int not null, bbalance int, filler char(88)) with (fillfactor = 100);
  create table pgbench_tellers (tid int not null, bid int, tbalance int, filler char(84)) with (fillfactor = 100);
  create table pgbench_accounts (aid int not null, bid int, abalance int, filler char(84)) with (fillfactor = 100);
  create table pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22));
  insert into pgbench_branches select id, 0 from generate_series(1, ${SCALE}) id;
  insert into pgbench_tellers
    select id, (id - 1) / ${TELLERS_PER_BRANCH} + 1, 0 from generate_series(1, ${SCALE * TELLERS_PER_BRANCH}) id;
  insert into pgbench_accounts
    select id, (id - 1) / ${ACCOUNTS_PER_BRANCH} + 1, 0, '' from generate_series(1, ${SCALE * ACCOUNTS_PER_BRANCH}) id;
  alter table pgbench_branches add primary key (bid);
  alter table pgbench_tellers add primary key (tid);
  alter table pgbench_accounts add primary key (aid);`;

/** pgbench's `tpcb-like`. */
const TRANSACTION = `
  create procedure tpcb(aid_ int, bid_ int, tid_ int, delta_ int) language plpgsql as $$
  begin
    update pgbench_accounts set abalance = abalance + delta_ where aid = aid_;
    perform abalance from pgbench_accounts where aid = aid_;
    update pgbench_tellers set tbalance = tbalance + delta_ where tid = tid_;
    update pgbench_branches set bbalance = bbalance + delta_ where bid = bid_;
    insert into pgbench_history (tid, bid, aid, delta, mtime) values (tid_, bid_, aid_, delta_, current_timestamp);
  end $$;`;

const SETTINGS = {
  shared_buffers: "512MB",
  max_wal_size: "8GB",
  wal_keep_size: "8GB",
  checkpoint_timeout: "1h",
};

interface Order {
  readonly directory: string;
  readonly sizeBytes: number;
  readonly hasImages: boolean;
}

/** Runs transactions in one session until WAL has reached a position. */
async function runClient(cluster: Cluster, end: string): Promise<void> {
  await using session = await cluster.connect();
  const places = [SCALE * ACCOUNTS_PER_BRANCH, SCALE, SCALE * TELLERS_PER_BRANCH].map(random);
  const call = `do $$ begin for transaction in 1..100 loop
    call tpcb(${places.join(", ")}, ${random(10_001)} - 5001);
    commit;
  end loop; end $$`;
  while ((await session.value(`select pg_current_wal_insert_lsn() < '${end}'`)) === "t") {
    await session.sql(call);
  }
}

/** SQL for a number from 1 to `max`, all equally likely. */
function random(max: number): string {
  return `1 + floor(random() * ${max})::int`;
}

async function makeWal(
  cluster: Cluster,
  { directory, sizeBytes, hasImages }: Order,
): Promise<void> {
  await using session = await cluster.connect();
  for (const statements of [TABLES, TRANSACTION, "vacuum analyze", "checkpoint"]) {
    await session.sql(statements);
  }
  await session.sql(`alter system set full_page_writes = ${hasImages ? "on" : "off"}`);
  await session.sql("select pg_reload_conf()");
  await session.sql("checkpoint");
  await session.sql("select pg_switch_wal()");
  const begin = await session.value("select pg_current_wal_insert_lsn()");
  const end = String(await session.value(`select '${begin}'::pg_lsn + ${sizeBytes}`));
  await Promise.all(Array.from({ length: CLIENTS }, () => runClient(cluster, end)));
  // The last segment is not full and is left out.
  const names = await session.sql(
    `select name from pg_ls_waldir() where name >= pg_walfile_name('${begin}')
       and name < pg_walfile_name(pg_current_wal_lsn()) order by name`,
  );
  for (const name of names.map((row) => String(row["name"]))) {
    await copyFile(join(cluster.dataDirectory, "pg_wal", name), join(directory, name));
  }
}

async function main(order: Order): Promise<void> {
  await mkdir(order.directory, { recursive: true });
  const { run, end } = await beginRun([MAJOR]);
  try {
    const directory = await mkdtemp(join(run.directory, "w"));
    const runtime = openRuntime(run.runtime);
    await using workspace = new Workspace(directory, runtime);
    await workspace.give(directory);
    const walSegmentSizeMb = SEGMENT_SIZE_MIB;
    const settings = SETTINGS;
    const cluster = await startCluster({ major: MAJOR, workspace, walSegmentSizeMb, settings });
    await makeWal(cluster, order);
  } finally {
    await end();
  }
}

const [directory, megabytes = String(SIZE_DEFAULT_MEGABYTES), images = "images"] =
  process.argv.slice(2);
if (directory === undefined || !["images", "no-images"].includes(images)) {
  throw new Error(
    "usage: node benchmarks/make-pgbench-wal.ts DIRECTORY [MEGABYTES] [images|no-images]",
  );
}
await main({ directory, sizeBytes: Number(megabytes) * 1e6, hasImages: images === "images" });
