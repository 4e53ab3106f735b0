// A PostgreSQL cluster of a test: real programs of one major, a data directory of its own, reachable only by a Unix
// socket in a directory of its own. Also opens a data directory that a restore has written, to start it by hand.
//
//     await using cluster = await startCluster({ major: 18 });
//     await cluster.sql("create table t (id int)");
//
// Next: cluster-create.ts (initdb and settings), server-process.ts, orders.ts (the documents' tables), wal.ts.
import { appendFile, readFile } from "node:fs/promises";
import { join } from "node:path";
import { type CommandResult, expectSuccess, runProgram } from "./command.ts";
import { formatSettings, type PostgresSettings } from "./config-file.ts";
import { type ClusterOptions, createDataDirectory } from "./cluster-create.ts";
import { isRunning, processesIn, signalProcess } from "./processes.ts";
import { type StartOutcome, startServerProcess } from "./server-process.ts";
import { openSqlSession, type Row, type SqlSession } from "./sql-session.ts";
import { waitUntil } from "./wait.ts";
import { createWorkspace, type Workspace } from "./workspace.ts";

export type { ClusterOptions } from "./cluster-create.ts";

/** How PostgreSQL is asked to stop; immediate means recovery at the next start. */
export type StopMode = "smart" | "fast" | "immediate";

/** A data directory to make a {@link Cluster} of. */
export interface ExistingCluster {
  readonly workspace: Workspace;
  readonly major: number;
  readonly dataDirectory: string;
  /** Names its socket directory and its log; must differ from that of the others in the workspace. */
  readonly name: string;
  readonly port?: number | undefined;
}

const PORT = 5432;

/** Creates a cluster and starts it, in a workspace of its own unless one is given. */
export async function startCluster(options: ClusterOptions): Promise<Cluster> {
  const workspace = options.workspace ?? (await createWorkspace());
  try {
    const name = options.name ?? "pg";
    const { major } = options;
    const dataDirectory = await createDataDirectory(workspace, { ...options, name });
    const cluster = await openCluster({ workspace, major, dataDirectory, name });
    if (options.workspace === undefined) cluster.ownsWorkspace = true;
    await cluster.start();
    return cluster;
  } catch (error) {
    if (options.workspace === undefined) await workspace[Symbol.asyncDispose]();
    throw error;
  }
}

/** A cluster of a data directory that exists, such as a restored one; not started. */
export async function openCluster(existing: ExistingCluster): Promise<Cluster> {
  const socketDirectory = existing.workspace.path(`${existing.name}.s`);
  await existing.workspace.makeDirectory(`${existing.name}.s`).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  });
  return new Cluster(existing, socketDirectory);
}

/** Made by {@link startCluster} and {@link openCluster}. Disposing of it stops the server. */
export class Cluster implements AsyncDisposable {
  readonly workspace: Workspace;
  readonly major: number;
  readonly dataDirectory: string;
  readonly socketDirectory: string;
  readonly port: number;
  /** Where initdb, pg_ctl and postgres of this major are. */
  readonly programs: string;
  readonly logFile: string;
  /** Whether the workspace goes with the cluster. */
  ownsWorkspace: boolean = false;

  constructor(existing: ExistingCluster, socketDirectory: string) {
    this.workspace = existing.workspace;
    this.major = existing.major;
    this.dataDirectory = existing.dataDirectory;
    this.socketDirectory = socketDirectory;
    this.port = existing.port ?? PORT;
    this.programs = existing.workspace.runtime.postgres(existing.major);
    this.logFile = existing.workspace.path(`${existing.name}.log`);
  }

  /** Starts the server and waits until it takes connections, perhaps only to read; throws with its log otherwise. */
  async start(): Promise<void> {
    const outcome = await this.tryStart();
    if (outcome.started) return;
    const { exitCode } = outcome;
    throw new Error(`PostgreSQL ${this.major} ended with ${exitCode}:\n${await this.log()}`);
  }

  /** Starts the server; that it ends instead of taking connections is an outcome. */
  tryStart(): Promise<StartOutcome> {
    return startServerProcess({
      programs: this.programs,
      dataDirectory: this.dataDirectory,
      logFile: this.logFile,
      user: this.workspace.runtime.user,
      // On the command line, so that the settings of a restored copy do not put its socket on the original's.
      settings: {
        listen_addresses: "",
        unix_socket_directories: this.socketDirectory,
        port: String(this.port),
      },
    });
  }

  /** Waits until recovery is over and the server takes writes. */
  async waitForPromotion(): Promise<void> {
    await waitUntil(
      "the end of recovery",
      async () => (await this.value("select pg_is_in_recovery()")) === "f",
    );
  }

  async stop(mode: StopMode = "fast"): Promise<void> {
    expectSuccess(await this.pgCtl(["stop", "-w", "-m", mode]));
  }

  async restart(mode: StopMode = "fast"): Promise<void> {
    await this.stop(mode);
    await this.start();
  }

  /** Kills every process of the server by SIGKILL, as a power cut would, and waits until they are gone. */
  async crash(): Promise<void> {
    const lines = (await readFile(join(this.dataDirectory, "postmaster.pid"), "utf8")).split("\n");
    const members = await processesIn(this.dataDirectory);
    const postmaster = Number(lines[0]);
    for (const pid of [postmaster, ...members.map((entry) => entry.pid)]) {
      signalProcess(pid, "SIGKILL");
    }
    await waitUntil(`the end of PostgreSQL ${postmaster}`, async () => {
      const left = await processesIn(this.dataDirectory);
      return !(await isRunning(postmaster)) && left.length === 0;
    });
    await this.removeSharedMemory(lines[6]);
  }

  /** Whether its server runs, in whatever state. */
  async isRunning(): Promise<boolean> {
    return (await this.pgCtl(["status"])).exitCode === 0;
  }

  /** The process id of the postmaster. */
  async postmasterPid(): Promise<number> {
    return Number.parseInt(await readFile(join(this.dataDirectory, "postmaster.pid"), "utf8"), 10);
  }

  /** Adds settings to postgresql.conf; they count from the next reload or restart. */
  async set(settings: PostgresSettings): Promise<void> {
    await appendFile(join(this.dataDirectory, "postgresql.conf"), formatSettings(settings));
  }

  /** Makes the server read its settings again. */
  async reload(): Promise<void> {
    expectSuccess(await this.pgCtl(["reload"]));
  }

  /** All that the server has logged, over all its starts by hand. */
  log(): Promise<string> {
    return readFile(this.logFile, "utf8").catch(() => "");
  }

  /** A session of its own, for transactions that stay open. */
  connect(database: string = "postgres"): Promise<SqlSession> {
    return openSqlSession({ host: this.socketDirectory, port: this.port, database });
  }

  /** Runs statements in a session of their own and returns the rows of the last one; values are text. */
  async sql(text: string, parameters: readonly unknown[] = []): Promise<readonly Row[]> {
    await using session = await this.connect();
    return await session.sql(text, parameters);
  }

  /** The first column of the first row. */
  async value(text: string, parameters: readonly unknown[] = []): Promise<string | null> {
    await using session = await this.connect();
    return await session.value(text, parameters);
  }

  /** The number of rows of a table, or of those that meet a condition. */
  async count(table: string, condition: string = "true"): Promise<number> {
    return Number(await this.value(`select count(*) from ${table} where ${condition}`));
  }

  /** The position up to which WAL has been written. */
  async currentLsn(): Promise<string> {
    return String(await this.value("select pg_current_wal_lsn()"));
  }

  /** Runs a program of this PostgreSQL as the account that the server runs as. */
  async runProgram(name: string, parameters: readonly string[]): Promise<CommandResult> {
    return await runProgram(join(this.programs, name), parameters, {
      directory: this.workspace.directory,
      user: this.workspace.runtime.user,
    });
  }

  /** Stops the server if it runs; with a workspace of its own, removes that as well. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.ownsWorkspace) await this.workspace[Symbol.asyncDispose]();
    else if (await this.isRunning()) await this.stop("immediate");
  }

  private pgCtl(parameters: readonly string[]): Promise<CommandResult> {
    return this.runProgram("pg_ctl", ["-D", this.dataDirectory, ...parameters]);
  }

  /** A killed postmaster cannot give its small System V segment back; a start would, but a test may not start it again. */
  private async removeSharedMemory(line: string | undefined): Promise<void> {
    const id = line?.trim().split(/\s+/)[1];
    if (id === undefined) return;
    await runProgram("ipcrm", ["-m", id], { directory: this.workspace.directory }).catch(
      () => undefined,
    );
  }
}
