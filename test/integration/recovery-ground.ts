// The ground for tests of attempts: a cluster with a history of marked positions, a base copy of it, its archive, and
// restores of that base made with the least possible means. What is tested is how a recovery is driven, so neither
// backup nor restore of ours takes part.
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Context, createContext } from "../../src/base/context.ts";
import { parseLsn } from "../../src/model/lsn.ts";
import { timeline } from "../../src/model/timeline.ts";
import type {
  AttemptPlan,
  AttemptRequest,
  AttemptStart,
} from "../../src/recovery/attempt-request.ts";
import { type Cluster, startCluster } from "../harness/cluster.ts";
import { expectSuccess } from "../harness/command.ts";
import { type CommittedTransaction, transaction, waitForArchived } from "../harness/wal.ts";
import { createWorkspace, type Workspace } from "../harness/workspace.ts";

/** The restored cluster's socket; it lies in a private directory, so any number will do. */
const PORT = 5444;
const SUBTRANSACTIONS = 100;

export interface RecoveryGround extends AsyncDisposable {
  readonly major: number;
  readonly workspace: Workspace;
  readonly startLsn: string;
  /** After the first 1,000 rows, 10 rows more; then the restore point `before_disaster`. */
  readonly good: CommittedTransaction;
  /** Deletes all rows. */
  readonly disaster: CommittedTransaction;
  /** max_connections was raised to 40 before it. */
  readonly raised: CommittedTransaction;
  readonly lastSegment: string;
  /** Copies of the cluster: the second was taken while a transaction with many subtransactions was open. */
  readonly bases: { readonly plain: string; readonly overflowed: string };
  /** Ends in WAL while that transaction is still open. */
  readonly whileOverflowed: CommittedTransaction;
}

/** Lays the ground on one major. */
export async function layGround(major: number): Promise<RecoveryGround> {
  const workspace = await createWorkspace();
  const archive = await workspace.makeDirectory("archive");
  const cluster = await startCluster({
    major,
    workspace,
    archiveCommand: `test ! -f ${archive}/%f && cp "%p" ${archive}/%f`,
    settings: { timezone: "Europe/Paris" },
  });
  await cluster.sql("create table t (id int); insert into t select generate_series(1, 1000)");
  const { path: plain, startLsn } = await copyBase(cluster, "plain");
  const good = await transaction(cluster, "insert into t select generate_series(1001, 1010)");
  await cluster.sql("select pg_create_restore_point('before_disaster')");
  const disaster = await transaction(cluster, "delete from t");
  await waitForArchived(cluster);
  const { overflowed, whileOverflowed } = await overflow(cluster);
  await cluster.sql("alter system set max_connections = 40");
  await cluster.restart();
  const raised = await transaction(cluster, "insert into t values (2000)");
  const lastSegment = await waitForArchived(cluster);
  await cluster.stop();
  return {
    major,
    workspace,
    startLsn,
    good,
    disaster,
    raised,
    lastSegment,
    bases: { plain, overflowed },
    whileOverflowed,
    [Symbol.asyncDispose]: () => workspace[Symbol.asyncDispose](),
  };
}

/** The low-level backup, by hand. */
async function copyBase(
  cluster: Cluster,
  name: string,
): Promise<{ path: string; startLsn: string }> {
  const { workspace, major } = cluster;
  const path = workspace.path(name);
  await using session = await cluster.connect();
  const [start, stop] =
    major < 15
      ? [`pg_start_backup('${name}', true, false)`, "pg_stop_backup(false)"]
      : [`pg_backup_start('${name}', true)`, "pg_backup_stop()"];
  const startLsn = String(await session.value(`select ${start}`));
  expectSuccess(await workspace.runProgram("/bin/cp", ["-a", cluster.dataDirectory, path]));
  const label = String(await session.value(`select labelfile from ${stop}`));
  for (const unwanted of ["pg_wal", "postmaster.pid", "postmaster.opts"]) {
    await rm(join(path, unwanted), { recursive: true, force: true });
  }
  await workspace.makeDirectory(`${name}/pg_wal`);
  await workspace.makeDirectory(`${name}/pg_wal/archive_status`);
  await workspace.write(`${name}/backup_label`, label);
  return { path, startLsn };
}

async function overflow(
  cluster: Cluster,
): Promise<{ overflowed: string; whileOverflowed: CommittedTransaction }> {
  await cluster.sql("create table busy (id int)");
  await using session = await cluster.connect();
  await session.sql("begin");
  for (let count = 0; count < SUBTRANSACTIONS; count += 1) {
    await session.sql(`savepoint s${count}; insert into busy values (${count})`);
  }
  const { path } = await copyBase(cluster, "overflowed");
  const whileOverflowed = await transaction(cluster, "insert into t values (1500)");
  await session.sql("commit");
  await waitForArchived(cluster);
  return { overflowed: path, whileOverflowed };
}

export interface RestoreOptions {
  readonly base?: keyof RecoveryGround["bases"];
  /** Lines of sh that are run before the file `$1` is copied. */
  readonly restoreScript?: string;
  /** Refuses history files, as archive-get does for a recovery that must not promote. Default off. */
  readonly interlock?: boolean;
  /** Changes a segment in the archive of this restore. */
  readonly damage?: { readonly segment: string; readonly offsetBytes: number };
  /** More lines of postgresql.auto.conf, before those of the recovery. */
  readonly autoConf?: string;
}

const INTERLOCK = `case "$1" in *.history)
  echo "error: $1 is not handed out: this recovery stays on timeline 1 [RECOVERY_PROMOTION_REFUSED]" >&2; exit 200;;
esac`;

let restoreCount = 0;

/** Makes a directory to recover, with these recovery settings. Returns the request of an attempt on it. */
export async function restoreBase(
  ground: RecoveryGround,
  settings: Readonly<Record<string, string>>,
  {
    base = "plain",
    restoreScript = "",
    interlock = false,
    damage,
    autoConf = "",
  }: RestoreOptions = {},
): Promise<{ dataDirectory: string; start: AttemptStart }> {
  const { workspace, major } = ground;
  restoreCount += 1;
  const name = `r${restoreCount}`;
  const dataDirectory = workspace.path(name);
  expectSuccess(await workspace.runProgram("/bin/cp", ["-a", ground.bases[base], dataDirectory]));
  const archive = damage ? await damagedArchive(ground, name, damage) : workspace.path("archive");
  const script = await workspace.write(
    `${name}.sh`,
    `${interlock ? INTERLOCK : ""}\n${restoreScript}\ntest -f ${archive}/$1 || exit 1\ncp ${archive}/$1 "$2"\n`,
  );
  const all = {
    restore_command: `sh ${script} %f "%p"`,
    recovery_target_timeline: "1",
    ...settings,
  };
  const lines = Object.entries(all).map(([key, value]) => `${key} = '${value}'\n`);
  await workspace.write(`${name}/postgresql.auto.conf`, `${autoConf}\n${lines.join("")}`);
  await workspace.write(`${name}/recovery.signal`, "");
  const programs = workspace.runtime.postgres(major);
  return {
    dataDirectory,
    start: {
      binaries: {
        directory: programs,
        postgres: join(programs, "postgres"),
        pgCtl: join(programs, "pg_ctl"),
        majorVersion: major,
      },
      directory: workspace.path(`${name}-server`),
      port: PORT,
      role: "postgres",
      database: "postgres",
      clusterName: "hindsight test",
      options: { shared_buffers: "16MB", dynamic_shared_memory_type: "mmap" },
    },
  };
}

async function damagedArchive(
  { workspace }: RecoveryGround,
  name: string,
  damage: NonNullable<RestoreOptions["damage"]>,
): Promise<string> {
  const archive = workspace.path(`${name}-archive`);
  expectSuccess(await workspace.runProgram("/bin/cp", ["-a", workspace.path("archive"), archive]));
  const file = join(archive, damage.segment);
  const bytes = await readFile(file);
  bytes[damage.offsetBytes] = (bytes[damage.offsetBytes] ?? 0) ^ 1;
  await writeFile(file, bytes);
  return archive;
}

/** A request as a restore would lead to. */
export function attemptOn(
  ground: RecoveryGround,
  restored: { readonly dataDirectory: string; readonly start: AttemptStart },
  changes: Partial<AttemptPlan> = {},
): AttemptRequest {
  return {
    start: restored.start,
    plan: {
      type: "xid",
      target: { kind: "xid", xid: BigInt(ground.disaster.xid), exclusive: true },
      targetAction: "pause",
      timeline: timeline(1),
      stopLsn: undefined,
      archiveMode: "off",
      backup: {
        startLsn: parseLsn(ground.startLsn),
        majorVersion: ground.major,
        segmentSizeBytes: 1024 * 1024,
        settings: { max_connections: "20", TimeZone: "Europe/Paris" },
      },
      wal: { last: ground.lastSegment },
      destination: { path: restored.dataDirectory },
      ...changes,
    },
  };
}

/** A context whose warnings can be asked for. */
export function watchedContext(): Context & { readonly warnings: readonly string[] } {
  const warnings: string[] = [];
  const context = createContext();
  const log = { ...context.log, warn: (message: string) => void warnings.push(message) };
  return { ...context, log, warnings };
}
