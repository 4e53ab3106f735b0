// PostgreSQL out of npm packages, one of each major, for the demonstration and the tests only. Each package holds a
// directory `native` with bin, lib and share. npm packages cannot hold symbolic links, so theirs are listed in a file
// and made by an install script; that script may have been forbidden, so they are made here as well.
import { execFile } from "node:child_process";
import { readFile, symlink } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { systemErrorCode } from "../../base/errors.ts";
import { failure } from "../../model/failure.ts";
import { findPackage } from "./embedded-packages.ts";

/** The majors that can exist as packages, oldest first. */
export const EMBEDDED_MAJORS = [14, 15, 16, 17, 18] as const;

/** The name of the package of a major for a machine, such as `postgres-18-linux-x64`. */
export function embeddedPackageName(major: number, architecture: string = process.arch): string {
  return `postgres-${major}-linux-${architecture}`;
}

/**
 * Why there is no embedded PostgreSQL of this major here, in a few words, or undefined when there is one.
 *
 * @param root where to look from: {@link packageRoot}.
 */
export function embeddedMissing(major: number, root: string): string | undefined {
  if (process.platform !== "linux") return `no PostgreSQL package for ${process.platform}`;
  if (findPackage(embeddedPackageName(major), root) !== undefined) return undefined;
  if (major === 14 && process.arch === "arm64") return "PostgreSQL 14 is not packaged for arm64";
  return `package ${embeddedPackageName(major)} is not installed`;
}

/**
 * The directory `native` of the package of a major.
 *
 * @throws {HindsightError} `POSTGRES_BINARIES_MISSING`
 */
export function embeddedNative(major: number, root: string): string {
  const directory = findPackage(embeddedPackageName(major), root);
  const missing = embeddedMissing(major, root);
  if (directory !== undefined && missing === undefined) return join(directory, "native");
  throw failure("POSTGRES_BINARIES_MISSING", `no PostgreSQL ${major}: ${missing}`, {
    hint: "Run npm ci in the checkout, or set PGBIN to a directory with PostgreSQL's programs.",
  });
}

/** Makes the symbolic links that the package lists and that are missing in `native`, a package's or a staged one's. */
export async function hydrateSymlinks(native: string): Promise<void> {
  const text = await readFile(join(native, "pg-symlinks.json"), "utf8").catch(() => "[]");
  for (const { source, target } of JSON.parse(text) as { source: string; target: string }[]) {
    // Both are relative to the package, which is the parent of native.
    const path = join(native, "..", target);
    const destination = relative(dirname(target), source);
    await symlink(destination, path).catch((error: unknown) => {
      if (systemErrorCode(error) !== "EEXIST") throw error;
    });
  }
}

/**
 * The major of the PostgreSQL programs in a directory.
 *
 * @throws {HindsightError} `POSTGRES_BINARIES_MISSING` when the directory has no program that answers.
 */
export async function majorOfPrograms(directory: string): Promise<number> {
  const program = join(directory, "postgres");
  try {
    const { stdout } = await promisify(execFile)(program, ["--version"]);
    const major = /PostgreSQL\) (\d+)/.exec(stdout)?.[1];
    if (major !== undefined) return Number(major);
    throw new Error(`it answered "${stdout.trim()}"`);
  } catch (cause) {
    throw failure("POSTGRES_BINARIES_MISSING", `${program} does not say its version`, {
      hint: "PGBIN must name the directory that holds postgres, initdb and pg_ctl.",
      cause,
    });
  }
}
