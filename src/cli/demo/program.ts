// Runs the programs of the demonstration, as the account that may run PostgreSQL, and keeps what they say.
import { spawn } from "node:child_process";
import type { RuntimeUser } from "./embedded-user.ts";

/** How a program ended, and all that it printed. */
export interface ProgramEnd {
  /** 128 and more when a signal ended it, as a shell counts. */
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program to run: its path, parameters and directory, as which user, and what ends it early. */
export interface ProgramStart {
  readonly program: string;
  readonly parameters: readonly string[];
  readonly directory: string;
  readonly user: RuntimeUser | undefined;
  readonly signal: AbortSignal;
}

/** A minimal environment: nothing of PostgreSQL or Hindsight that the caller happens to have set. */
const ENVIRONMENT: Readonly<Record<string, string>> = {
  PATH: "/usr/local/bin:/usr/bin:/bin",
  HOME: "/nonexistent",
  LANG: "C.UTF-8",
};

const SIGNAL_STATUS = 128;

/** Runs a program to its end; the signal ends it with SIGTERM, so that it can clean up. */
export function runProgram(start: ProgramStart): Promise<ProgramEnd> {
  const { program, parameters, directory, user, signal } = start;
  return new Promise((resolve, reject) => {
    const child = spawn(program, parameters, {
      cwd: directory,
      env: ENVIRONMENT,
      stdio: ["ignore", "pipe", "pipe"],
      // Not in the terminal's foreground group: Ctrl-C reaches it by us, once.
      detached: true,
      ...(user && { uid: user.uid, gid: user.gid }),
    });
    const stdout: Buffer[] = [];
    const stderr: Buffer[] = [];
    child.stdout.on("data", (bytes: Buffer) => stdout.push(bytes));
    child.stderr.on("data", (bytes: Buffer) => stderr.push(bytes));
    const onAbort = (): void => void child.kill("SIGTERM");
    signal.addEventListener("abort", onAbort, { once: true });
    child.once("error", reject);
    child.once("close", (code, ending) => {
      signal.removeEventListener("abort", onAbort);
      resolve({
        status: code ?? SIGNAL_STATUS + (ending === null ? 0 : 1),
        stdout: Buffer.concat(stdout).toString("utf8"),
        stderr: Buffer.concat(stderr).toString("utf8"),
      });
    });
  });
}
