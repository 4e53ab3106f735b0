// What tests ask a cluster about its WAL: segments archived, transactions with their ids and positions.
import type { Cluster } from "./cluster.ts";
import { waitUntil } from "./wait.ts";

/** A transaction that was committed, and what is known about the place of its commit. */
export interface CommittedTransaction {
  /** 64 bit, as text. */
  readonly xid: string;
  /** The insert position before its first statement: everything of it lies at or after. */
  readonly beginLsn: string;
  /** The insert position after its commit: the commit record begins before. */
  readonly endLsn: string;
  /** The server's clock before its first statement. */
  readonly beginTime: string;
  /** The time in its commit record, when track_commit_timestamp is on. */
  readonly commitTime: string | undefined;
  /** The server's clock after its commit. */
  readonly endTime: string;
}

/** Runs statements as one transaction, which gets a transaction id even if they write nothing. */
export async function transaction(
  cluster: Cluster,
  statements: string,
): Promise<CommittedTransaction> {
  await using session = await cluster.connect();
  const here = "select pg_current_wal_insert_lsn() as lsn, clock_timestamp() as time";
  const [begin] = await session.sql(here);
  await session.sql(`begin; ${statements}`);
  const xid = String(await session.value("select pg_current_xact_id()"));
  await session.sql("commit");
  const [end] = await session.sql(here);
  const tracked = (await session.value("show track_commit_timestamp")) === "on";
  const commitTime = tracked
    ? await session.value(`select pg_xact_commit_timestamp('${xid}'::xid8::xid)`)
    : null;
  return {
    xid,
    beginLsn: String(begin?.["lsn"]),
    endLsn: String(end?.["lsn"]),
    beginTime: String(begin?.["time"]),
    commitTime: commitTime ?? undefined,
    endTime: String(end?.["time"]),
  };
}

/** Ends the current segment, having written to it, and returns its name. */
export async function switchWal(cluster: Cluster): Promise<string> {
  // A switch at the very beginning of a segment does nothing, so something is written first.
  await cluster.sql("select pg_logical_emit_message(false, 'hindsight-test', 'switch')");
  return String(await cluster.value("select pg_walfile_name(pg_switch_wal())"));
}

/** Waits until the archiver has archived a segment, by default all up to a switch made now; returns its name. */
export async function waitForArchived(cluster: Cluster, segment?: string): Promise<string> {
  const name = segment ?? (await switchWal(cluster));
  let last: unknown;
  const archived = waitUntil(`${name} to be archived`, async () => {
    [last] = await cluster.sql("select * from pg_stat_archiver");
    const newest = (last as { last_archived_wal: string | null }).last_archived_wal ?? "";
    return newest.slice(0, 24) >= name;
  });
  await archived.catch(async (error: unknown) => {
    const log = (await cluster.log()).split("\n").slice(-20).join("\n");
    throw new Error(`${String(error)}: ${JSON.stringify(last)}\n${log}`, { cause: error });
  });
  return name;
}
