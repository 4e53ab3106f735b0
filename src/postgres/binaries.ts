// Finds PostgreSQL's own programs for a major version. Hindsight never carries its own: a data directory is only safe
// with the programs of its major, so whatever is found is asked for its version before it is used.
import { execFile } from "node:child_process";
import { access, constants, readlink } from "node:fs/promises";
import { delimiter, dirname, isAbsolute, join } from "node:path";
import type { Context } from "../base/context.ts";
import { systemErrorCode } from "../base/errors.ts";
import { failure } from "../model/failure.ts";

/** A directory whose programs are known to be of one major version. */
export interface PostgresBinaries {
  readonly directory: string;
  /** The server itself, absolute. */
  readonly postgres: string;
  /** `pg_ctl`, absolute; not every package has it, and Hindsight itself does without. */
  readonly pgCtl: string;
  readonly majorVersion: number;
}

/** Where else than in the usual places the programs may be. */
export interface BinarySearch {
  /** `pg1-bin-path`: when set, no other place is looked at. */
  readonly configured?: string | undefined;
  /** The directory recorded with the backup, on the machine that made it. */
  readonly recorded?: string | undefined;
  /** The search path, for the last look; the process's own when left out. */
  readonly path?: string | undefined;
}

/** How long a program may take to print its version. */
const VERSION_TIMEOUT_MS = 10_000;

/**
 * Finds the directory with PostgreSQL's programs of a major version: `configured` alone, or else the first that fits of
 * `recorded`, `/usr/lib/postgresql/MAJOR/bin` (Debian), `/usr/pgsql-MAJOR/bin` (RPM), and the search path.
 *
 * @param major such as 18.
 * @throws {HindsightError} `POSTGRES_BINARIES_MISSING`, saying for each place what was found there.
 */
export async function findBinaries(
  major: number,
  search: BinarySearch,
  context: Context,
): Promise<PostgresBinaries> {
  const findings: string[] = [];
  for (const directory of placesToLook(major, search)) {
    const postgres = join(directory, "postgres");
    const found = await readVersion(postgres, context.signal);
    if (found.majorVersion === major) {
      return { directory, postgres, pgCtl: join(directory, "pg_ctl"), majorVersion: major };
    }
    findings.push(`${directory}: ${found.finding}`);
  }
  throw failure(
    "POSTGRES_BINARIES_MISSING",
    `no programs of PostgreSQL ${major} were found (${findings.join("; ")})`,
    {
      hint: `Install PostgreSQL ${major}, or set pg1-bin-path to the directory that holds its program postgres.`,
      context: { majorVersion: major, configured: search.configured },
    },
  );
}

function placesToLook(major: number, search: BinarySearch): readonly string[] {
  if (search.configured !== undefined) return [search.configured];
  const path = (search.path ?? process.env["PATH"] ?? "").split(delimiter);
  return [
    ...new Set([
      ...(search.recorded === undefined ? [] : [search.recorded]),
      `/usr/lib/postgresql/${major}/bin`,
      `/usr/pgsql-${major}/bin`,
      ...path.filter(isAbsolute),
    ]),
  ];
}

interface VersionFinding {
  readonly majorVersion: number | undefined;
  readonly finding: string;
}

/** Asks a program for its version; what cannot be asked is a finding, not an error. */
async function readVersion(program: string, signal: AbortSignal): Promise<VersionFinding> {
  signal.throwIfAborted();
  try {
    await access(program, constants.X_OK);
  } catch (error) {
    const denied = systemErrorCode(error) === "EACCES";
    return { majorVersion: undefined, finding: denied ? "not executable" : "no postgres" };
  }
  const output = await versionOutput(program, signal);
  signal.throwIfAborted();
  const majorVersion = parseServerVersion(output);
  return {
    majorVersion,
    finding:
      majorVersion === undefined
        ? `does not say its version ("${output.trim()}")`
        : `is PostgreSQL ${majorVersion}`,
  };
}

/**
 * The major version in what `postgres --version` prints.
 *
 * @param output such as `postgres (PostgreSQL) 15.20 (Debian 15.20-1)` or `postgres (PostgreSQL) 19beta1`.
 */
export function parseServerVersion(output: string): number | undefined {
  const [, digits] = /^\S+ \([^)]*\) (\d+)/.exec(output) ?? [];
  return digits === undefined ? undefined : Number(digits);
}

function versionOutput(program: string, signal: AbortSignal): Promise<string> {
  return new Promise((resolve) => {
    execFile(
      program,
      ["--version"],
      { cwd: "/", timeout: VERSION_TIMEOUT_MS, signal },
      (error, stdout, stderr) => {
        resolve(error ? stderr || error.message : stdout);
      },
    );
  });
}

/**
 * The directory of the program that a server runs, to be recorded with its backups.
 *
 * @param pid of its postmaster, on this machine.
 * @returns undefined when the system does not tell.
 */
export async function programDirectory(pid: number): Promise<string | undefined> {
  try {
    return dirname(await readlink(`/proc/${pid}/exe`));
  } catch {
    return undefined;
  }
}
