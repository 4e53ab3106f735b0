// Puts files of the checkout where another user can read them: hard links where possible, because they cost nothing,
// and copies where a link would not do. Nothing here knows what the files are.
import {
  chmod,
  constants,
  copyFile,
  link,
  lstat,
  mkdir,
  readdir,
  readlink,
  symlink,
} from "node:fs/promises";
import { join } from "node:path";
import { systemErrorCode } from "../../base/errors.ts";
import { forEachLimited } from "../../base/limits.ts";

const LINK_CONCURRENCY_MAX = 16;
const DIRECTORY_MODE = 0o755;
const READ_FOR_ALL = 0o444;
const EXECUTE_BY_ANY = 0o111;

/**
 * Makes `target` a tree that every user can read, with the content of `source`: a file, a link or a directory.
 *
 * @param leaveOut names of entries, at any depth, that are not taken.
 */
export async function stageTree(
  source: string,
  target: string,
  leaveOut: ReadonlySet<string> = new Set(),
): Promise<void> {
  const stat = await lstat(source);
  if (stat.isSymbolicLink()) {
    await symlink(await readlink(source), target);
  } else if (stat.isDirectory()) {
    await makeReadableDirectory(target);
    const names = (await readdir(source)).filter((name) => !leaveOut.has(name));
    await forEachLimited(names, LINK_CONCURRENCY_MAX, (name) =>
      stageTree(join(source, name), join(target, name), leaveOut),
    );
  } else {
    await stageFile(source, target, stat.mode);
  }
}

/** Creates a directory and its parents, readable by all whatever the umask says. */
export async function makeReadableDirectory(directory: string): Promise<void> {
  const first = await mkdir(directory, { recursive: true });
  if (first === undefined) return;
  for (let path = directory; path.length >= first.length; path = join(path, "..")) {
    await chmod(path, DIRECTORY_MODE);
  }
}

async function stageFile(source: string, target: string, mode: number): Promise<void> {
  // A link shares the mode: a file that only its owner may read (umask 077) would stay unreadable.
  if ((mode & READ_FOR_ALL) === READ_FOR_ALL && (await linked(source, target))) return;
  await copyFile(source, target, constants.COPYFILE_FICLONE);
  await chmod(target, mode & EXECUTE_BY_ANY ? 0o755 : 0o644);
}

async function linked(source: string, target: string): Promise<boolean> {
  try {
    await link(source, target);
    return true;
  } catch (error) {
    // Another file system, a file system without links, too many of them, or protected_hardlinks(5).
    const code = systemErrorCode(error) ?? "";
    if (["EXDEV", "EPERM", "EMLINK", "ENOTSUP", "EOPNOTSUPP", "EACCES"].includes(code))
      return false;
    throw error;
  }
}
