// Runs a program as the account that tests run things as, and captures what it says.
import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import type { RuntimeUser } from "../../src/cli/demo/embedded-user.ts";

/** How a program ended and what it said. */
export interface CommandResult {
  /** The words of the command, for messages. */
  readonly command: string;
  /** undefined when a signal ended it. */
  readonly exitCode: number | undefined;
  readonly signal: NodeJS.Signals | undefined;
  readonly stdout: string;
  readonly stderr: string;
  readonly durationMs: number;
}

/** What a program is run with. */
export interface CommandOptions {
  /** Where it runs; must be below the run's directory so that it is found should it survive. */
  readonly directory: string;
  readonly user?: RuntimeUser | undefined;
  /** Added to a small environment that has no HOME to write to and nothing of PostgreSQL or Hindsight. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
  /** After this it is killed and the call throws. Default two minutes. */
  readonly timeoutMs?: number | undefined;
}

/** A program that is still running. */
export interface RunningCommand {
  readonly pid: number;
  /** Sends a signal to the program alone. */
  kill(signal: NodeJS.Signals): void;
  /** What it has said on standard error until now. */
  stderr(): string;
  /** What it has said on standard output until now. */
  stdout(): string;
  /** Resolves when it has ended; rejects on timeout. */
  readonly result: Promise<CommandResult>;
}

const TIMEOUT_MS = 120_000;
const ENVIRONMENT = {
  PATH: "/usr/local/bin:/usr/bin:/bin",
  HOME: "/nonexistent",
  LANG: "C.UTF-8",
};

/** Runs a program to its end. An exit status other than 0 is a result, not an exception. */
export function runProgram(
  program: string,
  parameters: readonly string[],
  options: CommandOptions,
): Promise<CommandResult> {
  return startProgram(program, parameters, options).result;
}

/** Starts a program and hands it back running. */
export function startProgram(
  program: string,
  parameters: readonly string[],
  options: CommandOptions,
): RunningCommand {
  const child = spawn(program, parameters, {
    cwd: options.directory,
    env: { ...ENVIRONMENT, ...options.environment },
    stdio: ["ignore", "pipe", "pipe"],
    ...(options.user && { uid: options.user.uid, gid: options.user.gid }),
  });
  const stdout = collect(child.stdout);
  const stderr = collect(child.stderr);
  const command = [program, ...parameters].join(" ");
  const result = ended(child, { command, timeoutMs: options.timeoutMs ?? TIMEOUT_MS }).then(
    (end) => ({ command, ...end, stdout: stdout(), stderr: stderr() }),
  );
  // The caller may look at the result only later; until then a failure is not unhandled.
  result.catch(() => undefined);
  return { pid: child.pid ?? 0, kill: (signal) => void child.kill(signal), stdout, stderr, result };
}

/** The result, if the program ended well; else an error that shows all that it said. */
export function expectSuccess(result: CommandResult): CommandResult {
  if (result.exitCode === 0) return result;
  const end = result.signal ?? `exit status ${result.exitCode}`;
  throw new Error(`${result.command}: ${end}\n${result.stderr}\n${result.stdout}`);
}

function collect(stream: Readable): () => string {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString("utf8");
}

function ended(
  child: ChildProcessByStdio<null, Readable, Readable>,
  { command, timeoutMs }: { readonly command: string; readonly timeoutMs: number },
): Promise<Pick<CommandResult, "exitCode" | "signal" | "durationMs">> {
  const begin = performance.now();
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill("SIGKILL");
      reject(new Error(`${command}: no end after ${timeoutMs} ms`));
    }, timeoutMs);
    child.once("error", reject);
    child.once("close", (exitCode, signal) => {
      clearTimeout(timer);
      const durationMs = performance.now() - begin;
      resolve({ exitCode: exitCode ?? undefined, signal: signal ?? undefined, durationMs });
    });
  });
}
