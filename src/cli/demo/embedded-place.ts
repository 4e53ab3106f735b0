// A directory for one run of the demonstration or of the tests: servers' data, sockets, and what was staged for them.
import { chmod, mkdtemp, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** A socket path has at most 107 bytes; this leaves room for what lies below the run's directory. */
const PARENT_LENGTH_MAX = 40;
const TRAVERSE_BY_OTHERS = 0o001;

/**
 * Creates an empty directory that every user can traverse and only we can list, on a path that every user can traverse
 * and that is short enough for sockets: below the temporary directory if that will do, else below /tmp.
 *
 * @param prefix the beginning of its name.
 */
export async function createRunDirectory(prefix: string = "hs-"): Promise<string> {
  const parent = (await isShared(tmpdir())) ? tmpdir() : "/tmp";
  const directory = await mkdtemp(join(parent, prefix));
  await chmod(directory, 0o711);
  return directory;
}

async function isShared(directory: string): Promise<boolean> {
  if (directory.length > PARENT_LENGTH_MAX) return false;
  for (let path = directory; ; path = dirname(path)) {
    const mode = await stat(path).then(
      (found) => found.mode,
      () => 0,
    );
    if ((mode & TRAVERSE_BY_OTHERS) === 0) return false;
    if (path === dirname(path)) return true;
  }
}
