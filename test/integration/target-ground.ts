// The ground for tests of targets: a cluster in Europe/Paris with two backups, and between them everything that a target
// can mean or miss: commits, a rollback, a restore point that exists twice, a database that is dropped, and a segment
// that is gone.
import { readdir, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { createCriticalOrders } from "../harness/orders.ts";
import { type ProtectedSite, protectCluster } from "../harness/protected.ts";
import { type CommittedTransaction, transaction, waitForArchived } from "../harness/wal.ts";

export const ZONE = "Europe/Paris";

/** What happened, in this order. */
export interface TargetGround extends AsyncDisposable {
  readonly site: ProtectedSite;
  readonly beforeBackup: CommittedTransaction;
  readonly firstBackup: BackupFacts;
  /** 9,000 rows are left; then restore point `twice`. */
  readonly first: CommittedTransaction;
  /** Rolled back. */
  readonly abortedXid: string;
  /** 8,000 rows are left; then restore point `twice` again. */
  readonly second: CommittedTransaction;
  /** 7,000 rows are left. */
  readonly third: CommittedTransaction;
  /** DROP DATABASE victim, which has a table of 5 rows. */
  readonly dropXid: string;
  /** In a segment that was removed from the repository. */
  readonly lost: CommittedTransaction;
  /** The name of that segment. */
  readonly lostSegment: string;
  readonly secondBackup: BackupFacts;
  /** The id of a subtransaction, and of the transaction that it is part of. */
  readonly part: { readonly xid: string; readonly parent: string };
  /** Prepared as `order 7`, and never ended. */
  readonly preparedXid: string;
  /** The last commit. */
  readonly last: CommittedTransaction;
}

/** As list-backups tells them. */
export interface BackupFacts {
  readonly label: string;
  readonly stopLsn: string;
  readonly stopTime: string;
}

/** The JSON of `hindsight target`. */
export interface TargetAnswerJson {
  readonly expression: string;
  readonly target: {
    readonly type: string;
    readonly target: string;
    readonly exclusive: boolean;
    readonly timeline: number;
  } | null;
  readonly stopLsn: string;
  readonly commitBefore: CommitJson | null;
  readonly commitAfter: CommitJson | null;
  readonly backup: string;
  readonly walSegments: number;
  readonly walBytes: number;
  readonly walStoredBytes: number;
  readonly forecastSeconds: number;
  readonly reachable: boolean;
  readonly reason: string | null;
  readonly hint: string | null;
  readonly code: string;
  readonly nearest: { readonly earlier: PlaceJson | null; readonly later: PlaceJson | null };
  readonly notes: readonly string[];
  readonly restore: string;
  readonly lost: {
    readonly count: number;
    readonly rest: number;
    readonly transactions: readonly CommitJson[];
    readonly unreadable: string | null;
  };
}

interface PlaceJson {
  readonly time: string | null;
  readonly lsn: string;
}

interface CommitJson extends PlaceJson {
  readonly xid: string;
}

/** Lays the ground on one major. */
export async function layTargetGround(major: number): Promise<TargetGround> {
  const settings = {
    timezone: ZONE,
    track_commit_timestamp: true,
    autovacuum: false,
    max_prepared_transactions: 3,
  };
  const site = await protectCluster({ major, settings });
  const { production } = site;
  await createCriticalOrders(production);
  await production.sql("create database victim");
  await fillVictim(site);
  const beforeBackup = await transaction(production, "update critical_orders set amount = 1");
  await site.backUp();
  const remove = (from: number): Promise<CommittedTransaction> =>
    transaction(
      production,
      `delete from critical_orders where id between ${from} and ${from + 999}`,
    );
  const first = await remove(1);
  await production.sql("select pg_create_restore_point('twice')");
  const abortedXid = await rollBack(site);
  const second = await remove(1001);
  await production.sql("select pg_create_restore_point('twice')");
  const third = await remove(2001);
  const dropXid = String(
    await production.value("select pg_snapshot_xmax(pg_current_snapshot())::text"),
  );
  await production.sql("drop database victim");
  await waitForArchived(production);
  const lost = await remove(3001);
  const lostSegment = String(await production.value(`select pg_walfile_name('${lost.beginLsn}')`));
  await waitForArchived(production);
  await site.backUp();
  const part = await commitWithPart(site);
  const preparedXid = await prepareTransaction(site);
  const last = await remove(4001);
  await waitForArchived(production);
  await removeSegment(site.workspace.repositoryDirectory, lostSegment);
  const [secondBackup, firstBackup] = await site.workspace.json<readonly BackupFacts[]>([
    "list-backups",
  ]);
  if (!firstBackup || !secondBackup) throw new Error("there are not two backups");
  return {
    site,
    beforeBackup,
    firstBackup,
    first,
    abortedXid,
    second,
    third,
    dropXid,
    lost,
    lostSegment,
    secondBackup,
    part,
    preparedXid,
    last,
    [Symbol.asyncDispose]: () => site[Symbol.asyncDispose](),
  };
}

async function fillVictim({ production }: ProtectedSite): Promise<void> {
  await using session = await production.connect("victim");
  await session.sql("create table t as select generate_series(1, 5) as id");
}

async function rollBack({ production }: ProtectedSite): Promise<string> {
  await using session = await production.connect();
  await session.sql("begin; delete from critical_orders");
  const xid = String(await session.value("select pg_current_xact_id()"));
  await session.sql("rollback");
  return xid;
}

async function commitWithPart({ production }: ProtectedSite): Promise<TargetGround["part"]> {
  await using session = await production.connect();
  await session.sql("begin; update critical_orders set amount = 2 where id = 9999; savepoint s");
  await session.sql("update critical_orders set amount = 3 where id = 10000");
  const [row] = await session.sql(
    "select pg_current_xact_id() as parent, max(xmin::text::bigint) as part from critical_orders where id >= 9999",
  );
  await session.sql("commit");
  return { xid: String(row?.["part"]), parent: String(row?.["parent"]) };
}

async function prepareTransaction({ production }: ProtectedSite): Promise<string> {
  await using session = await production.connect();
  await session.sql("begin; update critical_orders set amount = 4 where id = 9998");
  const xid = String(await session.value("select pg_current_xact_id()"));
  await session.sql("prepare transaction 'order 7'");
  return xid;
}

/** The segment and its index. */
async function removeSegment(repository: string, name: string): Promise<void> {
  for (const path of await readdir(repository, { recursive: true })) {
    if (basename(path).startsWith(name)) await rm(join(repository, path));
  }
}

/** The clock of a zone at an instant, as a DBA reads it off: without offset, with microseconds. */
export function clockIn(zone: string, instant: string): string {
  const local = Temporal.Instant.from(instant).toZonedDateTimeISO(zone).toPlainDateTime();
  return local.toString({ fractionalSecondDigits: 6 }).replace("T", " ");
}

/** A time as the server prints it, as an instant in the form of JSON. */
export function instantOf(text: string): string {
  const [, date, time, offset = "+00"] = /^(\S+) ([\d:.]+)([+-]\d{2}(?::\d{2})?)$/.exec(text) ?? [];
  return Temporal.Instant.from(`${date}T${time}${offset}`).toString({ fractionalSecondDigits: 6 });
}
