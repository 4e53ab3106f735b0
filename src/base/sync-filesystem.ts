// Makes everything on a file system durable at once. One call instead of one for each file: even of a file that has
// nothing to write, fsync makes the device flush its cache.
//
// Node has no syncfs(2), the coreutils' `sync -f` does. Before Linux 5.8 it kept write errors to itself, so there, and
// where that program is not, the caller syncs file by file.
import { execFile } from "node:child_process";
import { release } from "node:os";

/** The first kernel whose syncfs reports that writing failed. */
const KERNEL_MIN: readonly [number, number] = [5, 8];

/** What can differ between machines. */
export interface SyncOptions {
  readonly signal: AbortSignal;
  /** Default: `sync` of the PATH. */
  readonly program?: string | undefined;
  /** Default: this machine's. */
  readonly kernelRelease?: string | undefined;
}

/**
 * Syncs the file systems that these directories lie on.
 *
 * @returns false when it could not be done, whatever the reason; then nothing is known to be durable.
 * @throws the reason of the signal.
 */
export async function syncFilesystems(
  paths: readonly string[],
  { signal, program = "sync", kernelRelease = release() }: SyncOptions,
): Promise<boolean> {
  if (process.platform !== "linux" || !isRecent(kernelRelease)) return false;
  const isDone = await new Promise<boolean>((resolve) => {
    execFile(program, ["-f", "--", ...paths], { signal }, (error) => resolve(error === null));
  });
  signal.throwIfAborted();
  return isDone;
}

function isRecent(kernelRelease: string): boolean {
  const [, major = "0", minor = "0"] = /^(\d+)\.(\d+)/.exec(kernelRelease) ?? [];
  const [majorMin, minorMin] = KERNEL_MIN;
  return Number(major) > majorMin || (Number(major) === majorMin && Number(minor) >= minorMin);
}
