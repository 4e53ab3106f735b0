// A place from which PostgreSQL, Node and the command can be run by whoever has to run them. An ordinary user runs them
// where they are. Root must not run PostgreSQL, and the account that runs it instead may be unable to enter root's
// checkout, so for root everything is hard-linked or copied into a directory that all may read.
//
// Used by the demonstration and by the tests; never by a command that works on a real cluster.
// Next: embedded-postgres.ts (the packages), embedded-stage.ts (linking), embedded-user.ts (who).
import { existsSync } from "node:fs";
import { realpath, rm, symlink } from "node:fs/promises";
import { join, relative } from "node:path";
import { systemErrorCode } from "../../base/errors.ts";
import { forEachLimited } from "../../base/limits.ts";
import { failure } from "../../model/failure.ts";
import { findPackage, packageRoot, runtimeClosure } from "./embedded-packages.ts";
import {
  EMBEDDED_MAJORS,
  embeddedMissing,
  embeddedNative,
  hydrateSymlinks,
  majorOfPrograms,
} from "./embedded-postgres.ts";
import { makeReadableDirectory, stageTree } from "./embedded-stage.ts";
import { type RuntimeUser, unprivilegedUser } from "./embedded-user.ts";

/** Where everything is: plain data, so that it can be handed to another process. */
export interface RuntimeLayout {
  /** What was made and goes with {@link Runtime.dispose}; undefined when everything is used in place. */
  readonly stagedDirectory: string | undefined;
  /** Who must run servers and commands; undefined for "as we are". */
  readonly user: RuntimeUser | undefined;
  /** The path of `bin/hindsight`. */
  readonly command: string;
  /** The path of the Node that the command runs on. */
  readonly node: string;
  /** Directories with initdb, pg_ctl and postgres, by major. */
  readonly programs: Readonly<Record<number, string>>;
}

/** A place to run PostgreSQL and the command from. */
export interface Runtime extends RuntimeLayout, AsyncDisposable {
  /**
   * The directory with the programs of a major.
   *
   * @throws {HindsightError} `POSTGRES_BINARIES_MISSING` when that major was not asked for or is not installed.
   */
  postgres(major: number): string;
  /** Removes what was staged. Stop everything that runs from it first. */
  dispose(): Promise<void>;
}

/**
 * Prepares a place to run from.
 *
 * @param directory where to put things if they cannot be used in place; created, must not exist, and must be on a path
 *   that every user can traverse.
 * @param majors which PostgreSQL is needed; those not installed are left out and missed by {@link Runtime.postgres}.
 *   The PostgreSQL in the directory that the environment variable PGBIN names is taken for its major.
 */
export async function stageRuntime({
  directory,
  majors = EMBEDDED_MAJORS,
}: {
  readonly directory: string;
  readonly majors?: readonly number[];
}): Promise<Runtime> {
  const root = packageRoot();
  const user = await unprivilegedUser();
  const own = await ownPrograms(majors);
  const present = majors.filter(
    (major) => own[major] === undefined && embeddedMissing(major, root) === undefined,
  );
  const inPlace = user === undefined ? await useInPlace(root, { own, present }) : undefined;
  if (inPlace !== undefined) return openRuntime(inPlace);
  await makeReadableDirectory(directory);
  try {
    return openRuntime({ user, ...(await stageAll(root, directory, { own, present })) });
  } catch (error) {
    await rm(directory, { recursive: true, force: true });
    throw error;
  }
}

/** A runtime that another process staged. Disposing of it removes what was staged. */
export function openRuntime(layout: RuntimeLayout): Runtime {
  const dispose = async (): Promise<void> => {
    if (layout.stagedDirectory === undefined) return;
    await rm(layout.stagedDirectory, { recursive: true, force: true });
  };
  return {
    ...layout,
    postgres: (major) => layout.programs[major] ?? embeddedPrograms(major),
    dispose,
    [Symbol.asyncDispose]: dispose,
  };
}

type Programs = Record<number, string>;

/** What PostgreSQL there is: the user's own by major, and the majors to take from packages. */
interface Supply {
  readonly own: Programs;
  readonly present: readonly number[];
}

async function ownPrograms(majors: readonly number[]): Promise<Programs> {
  const directory = process.env["PGBIN"];
  if (directory === undefined || directory === "") return {};
  const major = await majorOfPrograms(directory);
  return majors.includes(major) ? { [major]: directory } : {};
}

/** For a major that was not staged: says why, by the error of looking for it. */
function embeddedPrograms(major: number): never {
  embeddedNative(major, packageRoot());
  throw failure("POSTGRES_BINARIES_MISSING", `PostgreSQL ${major} was not made ready for this run`);
}

/** undefined when PostgreSQL's packages lack their symbolic links and are not ours to add them to. */
async function useInPlace(
  root: string,
  { own, present }: Supply,
): Promise<RuntimeLayout | undefined> {
  const programs: Programs = { ...own };
  try {
    for (const major of present) {
      const native = embeddedNative(major, root);
      await hydrateSymlinks(native);
      programs[major] = join(native, "bin");
    }
  } catch (error) {
    if (["EACCES", "EPERM", "EROFS"].includes(systemErrorCode(error) ?? "")) return undefined;
    throw error;
  }
  const command = join(root, "bin", "hindsight");
  const node = nodeProgram(root);
  return { stagedDirectory: undefined, user: undefined, command, node, programs };
}

async function stageAll(
  root: string,
  directory: string,
  { own, present }: Supply,
): Promise<Omit<RuntimeLayout, "user">> {
  const programs: Programs = { ...own };
  await forEachLimited(present, 2, async (major) => {
    const native = join(directory, "postgresql", String(major), "native");
    await makeReadableDirectory(join(native, ".."));
    await stageTree(embeddedNative(major, root), native);
    await hydrateSymlinks(native);
    programs[major] = join(native, "bin");
  });
  const top = topDirectory(root);
  const staged = join(directory, "package", relative(top, root));
  await stageCommand(root, staged);
  for (const source of await runtimeClosure(root)) {
    const target = join(directory, "package", relative(top, source));
    await makeReadableDirectory(join(target, ".."));
    await stageTree(source, target, new Set(["node_modules"]));
  }
  const node = await stageNode(root, staged);
  const command = join(staged, "bin", "hindsight");
  return { stagedDirectory: directory, command, node, programs };
}

/** The directory whose tree is kept: an installed package lies with its dependencies in somebody's node_modules. */
function topDirectory(root: string): string {
  const marker = root.indexOf("/node_modules/");
  return marker < 0 ? root : root.slice(0, marker);
}

async function stageCommand(root: string, staged: string): Promise<void> {
  await makeReadableDirectory(staged);
  for (const name of ["bin", "dist", "package.json"]) {
    if (existsSync(join(root, name))) await stageTree(join(root, name), join(staged, name));
  }
}

/** Puts Node where the launcher of the command looks first: in the package `node` of its own node_modules. */
async function stageNode(root: string, staged: string): Promise<string> {
  const target = join(staged, "node_modules", "node", "bin", "node");
  await makeReadableDirectory(join(target, ".."));
  await stageTree(await realpath(nodeProgram(root)), target);
  await makeReadableDirectory(join(staged, "node_modules", ".bin"));
  await symlink("../node/bin/node", join(staged, "node_modules", ".bin", "node"));
  return target;
}

function nodeProgram(root: string): string {
  const pinned = findPackage("node", root);
  const program = pinned === undefined ? undefined : join(pinned, "bin", "node");
  return program !== undefined && existsSync(program) ? program : process.execPath;
}
