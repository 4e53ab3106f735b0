// The stage of the demonstration: a production cluster of its own with archiving on, a repository, a configuration
// file, and a place to recover to, all below one directory that is removed at the end.
import { appendFile, chmod, chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Context } from "../../base/context.ts";
import { failure } from "../../model/failure.ts";
import { connect, type Session } from "../../postgres/connection.ts";
import { runningServer, startServer, stopServer } from "../../postgres/server.ts";
import { type ProgramEnd, runProgram } from "./program.ts";
import { type Runtime, stageRuntime } from "./runtime.ts";

/** PostgreSQL's major version on stage. */
const MAJOR = 18;

/** Ports name the sockets; nothing listens on the network. */
export const PRODUCTION_PORT = 5432;
/** Names the socket of the copy beside production. */
export const RECOVERED_PORT = 5444;

const START_TIMEOUT_MS = 30_000;
const POLL_INTERVAL_MS = 50;

/** How the stage is laid. */
export interface StageOptions {
  /** Leave servers and directory behind. */
  readonly keep: boolean;
  readonly context: Context;
}

/** Everything the story plays on. Disposing stops the servers and removes the directory, unless it was kept. */
export class DemoStage implements AsyncDisposable {
  readonly directory: string;
  readonly #runtime: Runtime;
  readonly #context: Context;
  readonly #keep: boolean;
  #finished = false;

  private constructor(directory: string, runtime: Runtime, { keep, context }: StageOptions) {
    this.#keep = keep;
    this.directory = directory;
    this.#runtime = runtime;
    this.#context = context;
  }

  /** Stages programs, creates production with archiving on, and starts it. */
  static async open(options: StageOptions): Promise<DemoStage> {
    // Short, because the path of a socket may have 107 bytes at most.
    const directory = await mkdtemp(join(tmpdir(), "hindsight-"));
    await chmod(directory, 0o711);
    try {
      const runtime = await stageRuntime({
        directory: join(directory, "programs"),
        majors: [MAJOR],
      });
      const stage = new DemoStage(directory, runtime, options);
      await stage.#build();
      return stage;
    } catch (error) {
      await rm(directory, { recursive: true, force: true });
      throw error;
    }
  }

  /** The path of the command, as the story types it. */
  get command(): string {
    return this.#runtime.command;
  }

  get configFile(): string {
    return join(this.directory, "hindsight.conf");
  }

  get production(): string {
    return join(this.directory, "production");
  }

  get recovered(): string {
    return join(this.directory, "beside", "recovered");
  }

  get productionSockets(): string {
    return join(this.directory, "s");
  }

  /** Runs the real command with the stage's configuration. */
  hindsight(parameters: readonly string[]): Promise<ProgramEnd> {
    return this.#run(this.#runtime.command, [`--config=${this.configFile}`, ...parameters]);
  }

  /** A session with production as its superuser. */
  openProduction(): Promise<Session> {
    return this.session(this.productionSockets, PRODUCTION_PORT);
  }

  /** A session that names tables as an application would, not only the catalogue's. */
  async session(socketDirectory: string, port: number): Promise<Session> {
    const settings = { socketDirectory, port, user: "postgres", database: "postgres" };
    const session = await connect(settings, this.#context);
    await session.rows("SET search_path TO public");
    return session;
  }

  /** Stops a recovered server and removes its directory: the rollback of a restore. */
  async discardRecovered(): Promise<void> {
    await this.#stop(this.recovered);
    await rm(this.recovered, { recursive: true, force: true });
  }

  /** The line that stops both servers and removes the directory, for a stage that was kept. */
  get cleanUpCommand(): string {
    const pidFiles = [this.recovered, this.production].map(
      (directory) => `"$(head -1 ${directory}/postmaster.pid)"`,
    );
    return `kill -INT ${pidFiles.join(" ")} && sleep 2 && rm -rf ${this.directory}`;
  }

  /** Whether servers and directory are left behind for the user once the story is told. */
  get isKept(): boolean {
    return this.#keep;
  }

  /** From here on everything is left behind, if that was asked for; a story that failed is always cleaned up. */
  finish(): void {
    this.#finished = true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#keep && this.#finished) return;
    await this.#stop(this.recovered);
    await this.#stop(this.production);
    await this.#runtime.dispose();
    await rm(this.directory, { recursive: true, force: true });
  }

  async #build(): Promise<void> {
    for (const name of ["production", "beside", "s", "repository", "state", "log"]) {
      await mkdir(join(this.directory, name), { mode: 0o700 });
      await this.#give(join(this.directory, name));
    }
    await this.#writeConfiguration();
    await this.#initialize();
    await this.#start();
  }

  async #writeConfiguration(): Promise<void> {
    const lines = [
      "[global]",
      `repo1-path=${join(this.directory, "repository")}`,
      `state-path=${join(this.directory, "state")}`,
      `log-path=${join(this.directory, "log")}`,
      "start-fast=y",
      "",
      "[main]",
      `pg1-path=${this.production}`,
      `pg1-socket-path=${this.productionSockets}`,
      `pg1-port=${PRODUCTION_PORT}`,
      "pg1-user=postgres",
      `pg1-bin-path=${this.#runtime.postgres(MAJOR)}`,
      "",
    ];
    await writeFile(this.configFile, lines.join("\n"), { mode: 0o600 });
    await this.#give(this.configFile);
  }

  async #initialize(): Promise<void> {
    const initdb = join(this.#runtime.postgres(MAJOR), "initdb");
    const end = await this.#run(initdb, [
      `--pgdata=${this.production}`,
      "--username=postgres",
      "--auth=trust",
      "--encoding=UTF8",
      "--locale=C.UTF-8",
      "--no-sync",
      "--no-instructions",
    ]);
    if (end.status !== 0) {
      throw failure(
        "POSTGRES_START_FAILED",
        `initdb ended with status ${end.status}: ${end.stderr.trim()}`,
      );
    }
    const archiveCommand = `"${this.command}" --config=${this.configFile} --stanza=main archive-push "%p"`;
    const settings = [
      "listen_addresses = ''",
      `unix_socket_directories = '${this.productionSockets}'`,
      `port = ${PRODUCTION_PORT}`,
      "timezone = 'UTC'",
      "wal_level = replica",
      "track_commit_timestamp = on",
      "archive_mode = on",
      `archive_command = '${archiveCommand.replaceAll("'", "''")}'`,
      "max_wal_size = '256MB'",
      "dynamic_shared_memory_type = mmap",
    ];
    await appendFile(join(this.production, "postgresql.conf"), `\n${settings.join("\n")}\n`);
  }

  async #start(): Promise<void> {
    const programs = this.#runtime.postgres(MAJOR);
    await startServer(
      {
        binaries: {
          directory: programs,
          postgres: join(programs, "postgres"),
          pgCtl: join(programs, "pg_ctl"),
          majorVersion: MAJOR,
        },
        dataDirectory: this.production,
        port: PRODUCTION_PORT,
        socketDirectory: this.productionSockets,
        logFile: join(this.directory, "log", "production.log"),
        overrides: {},
      },
      this.#context,
    );
    const deadlineMs = this.#context.clock.monotonicMs() + START_TIMEOUT_MS;
    while ((await runningServer(this.production))?.status !== "ready") {
      if (this.#context.clock.monotonicMs() > deadlineMs) {
        throw failure("POSTGRES_START_FAILED", "the demonstration's PostgreSQL did not start");
      }
      await this.#context.clock.sleep(POLL_INTERVAL_MS, this.#context.signal);
    }
  }

  async #stop(dataDirectory: string): Promise<void> {
    if ((await runningServer(dataDirectory)) === undefined) return;
    const patient: Context = { ...this.#context, signal: new AbortController().signal };
    await stopServer(dataDirectory, "immediate", patient);
  }

  async #give(path: string): Promise<void> {
    const { user } = this.#runtime;
    if (user) await chown(path, user.uid, user.gid);
  }

  #run(program: string, parameters: readonly string[]): Promise<ProgramEnd> {
    const { signal } = this.#context;
    return runProgram({
      program,
      parameters,
      directory: this.directory,
      user: this.#runtime.user,
      signal,
    });
  }
}
