// A directory of one test: its clusters, repository, configuration and restored copies, and the real command to run on
// them. All of it belongs to the account that servers and commands run as. Disposing of a workspace ends every process
// that lives in it, started by whomever, and removes it.
//
//     await using workspace = await createWorkspace();
//     const cluster = await startCluster({ major, workspace, archiveCommand: workspace.archiveCommand });
//     await workspace.configure(cluster);
//     await workspace.succeed(["stanza-create"]);
import { chmod, chown, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Runtime } from "../../src/cli/demo/runtime.ts";
import {
  type CommandOptions,
  type CommandResult,
  expectSuccess,
  type RunningCommand,
  runProgram,
  startProgram,
} from "./command.ts";
import { type ConfigSections, formatConfig } from "./config-file.ts";
import { endProcessesIn } from "./processes.ts";
import { runDirectory, testRuntime } from "./runtime.ts";

/** What {@link Workspace.configure} needs to know of a cluster. */
export interface ConfigurableCluster {
  readonly dataDirectory: string;
  readonly socketDirectory: string;
  readonly port: number;
  /** The directory with initdb, pg_ctl and postgres. */
  readonly programs: string;
}

/** How a command is run, where it differs from the usual. */
export type RunOptions = Partial<Pick<CommandOptions, "environment" | "timeoutMs" | "directory">>;

const open = new Set<Workspace>();

/** Creates a workspace in the directory of this run. */
export async function createWorkspace(): Promise<Workspace> {
  const runtime = testRuntime();
  const directory = await mkdtemp(join(runDirectory(), "w"));
  await chmod(directory, 0o700);
  const workspace = new Workspace(directory, runtime);
  open.add(workspace);
  await workspace.give(directory);
  return workspace;
}

/** Disposes of the workspaces that are still there, and says which they were. For the setup file. */
export async function disposeForgotten(): Promise<readonly string[]> {
  const forgotten = [...open];
  await Promise.all(forgotten.map((workspace) => workspace[Symbol.asyncDispose]()));
  return forgotten.map((workspace) => workspace.directory);
}

/** Made by {@link createWorkspace}. */
export class Workspace implements AsyncDisposable {
  readonly directory: string;
  readonly runtime: Runtime;
  /** The stanza of {@link configure} and {@link archiveCommand}. */
  readonly stanza: string = "main";

  constructor(directory: string, runtime: Runtime) {
    this.directory = directory;
    this.runtime = runtime;
  }

  /** A path in the workspace. */
  path(...parts: readonly string[]): string {
    return join(this.directory, ...parts);
  }

  /** `hindsight.conf` of the workspace; commands find it by HINDSIGHT_CONFIG. */
  get configFile(): string {
    return this.path("hindsight.conf");
  }

  /** The repository of {@link configure}. */
  get repositoryDirectory(): string {
    return this.path("repo");
  }

  /** For archive_command: the real command, the workspace's configuration, its stanza. */
  get archiveCommand(): string {
    return `"${this.runtime.command}" --config=${this.configFile} --stanza=${this.stanza} archive-push "%p"`;
  }

  /** For a restore_command written by hand. */
  get restoreCommand(): string {
    return `"${this.runtime.command}" --config=${this.configFile} --stanza=${this.stanza} archive-get %f "%p"`;
  }

  /** Makes the account that runs servers and commands the owner of a file or directory. */
  async give(path: string): Promise<void> {
    const { user } = this.runtime;
    if (user !== undefined) await chown(path, user.uid, user.gid);
  }

  /** Creates a directory of that account, with the given mode, and returns its path. */
  async makeDirectory(name: string, mode: number = 0o700): Promise<string> {
    const directory = this.path(name);
    await mkdir(directory, { mode });
    await this.give(directory);
    return directory;
  }

  /** Writes a file of that account, 0600, and returns its path. */
  async write(name: string, content: string | Uint8Array): Promise<string> {
    const path = this.path(name);
    await writeFile(path, content, { mode: 0o600 });
    await this.give(path);
    return path;
  }

  /** Writes `hindsight.conf`; booleans become y and n, lists repeat their key. */
  async writeConfig(sections: ConfigSections): Promise<void> {
    await this.write("hindsight.conf", formatConfig(sections));
  }

  /**
   * Writes the usual `hindsight.conf` for a cluster: repository, log, lock, spool and state below the workspace.
   *
   * @param additions more keys, by section; they win over the usual ones.
   */
  async configure(cluster: ConfigurableCluster, additions: ConfigSections = {}): Promise<void> {
    const { global = {}, [this.stanza]: own = {}, ...others } = additions;
    await this.writeConfig({
      global: {
        "repo1-path": this.repositoryDirectory,
        "log-path": this.path("log"),
        "lock-path": this.path("lock"),
        "spool-path": this.path("spool"),
        "state-path": this.path("state"),
        "start-fast": true,
        ...global,
      },
      [this.stanza]: {
        "pg1-path": cluster.dataDirectory,
        "pg1-socket-path": cluster.socketDirectory,
        "pg1-port": cluster.port,
        "pg1-user": "postgres",
        "pg1-bin-path": cluster.programs,
        ...own,
      },
      ...others,
    });
  }

  /** Runs the real `hindsight` with these arguments to its end, whatever that is. */
  run(parameters: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
    return runProgram(this.runtime.command, parameters, this.commandOptions(options));
  }

  /** Starts the real `hindsight` and hands it back running, to be signalled. */
  start(parameters: readonly string[], options: RunOptions = {}): RunningCommand {
    return startProgram(this.runtime.command, parameters, this.commandOptions(options));
  }

  /** Runs `hindsight` and throws, with all that it said, unless it exits 0. */
  async succeed(parameters: readonly string[], options: RunOptions = {}): Promise<CommandResult> {
    return expectSuccess(await this.run(parameters, options));
  }

  /** Runs `hindsight … --output=json`, which must succeed, and parses what it wrote. */
  async json<Result>(parameters: readonly string[], options: RunOptions = {}): Promise<Result> {
    const result = await this.succeed([...parameters, "--output=json"], options);
    return parseJson<Result>(result);
  }

  /** Runs any other program in the workspace as the account that servers run as. */
  runProgram(
    program: string,
    parameters: readonly string[],
    options: RunOptions = {},
  ): Promise<CommandResult> {
    return runProgram(program, parameters, this.commandOptions(options));
  }

  /** Ends every process in the workspace and removes it. */
  async [Symbol.asyncDispose](): Promise<void> {
    await endProcessesIn(this.directory);
    await removeTree(this.directory);
    open.delete(this);
  }

  private commandOptions({ environment, ...options }: RunOptions): CommandOptions {
    return {
      directory: this.directory,
      user: this.runtime.user,
      environment: { HINDSIGHT_CONFIG: this.configFile, ...environment },
      ...options,
    };
  }
}

/** What a command wrote to standard output, as JSON. */
export function parseJson<Result>({ command, stdout, stderr }: CommandResult): Result {
  try {
    return JSON.parse(stdout) as Result;
  } catch (cause) {
    throw new Error(`${command} wrote no JSON:\n${stdout}\n${stderr}`, { cause });
  }
}

async function removeTree(directory: string): Promise<void> {
  const options = { recursive: true, force: true, maxRetries: 5, retryDelay: 100 };
  try {
    await rm(directory, options);
  } catch {
    // A test may have taken away permissions, which stops everybody but root.
    await runProgram("chmod", ["-R", "u+rwX", directory], { directory: dirname(directory) });
    await rm(directory, options);
  }
}
