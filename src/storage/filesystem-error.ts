// What the operating system says, in the two words of the contract: the store cannot be asked, or it refuses.
import { constants } from "node:os";
import { getSystemErrorMessage } from "node:util";
import { HindsightError, systemErrorCode } from "../base/errors.ts";
import { failure } from "../model/failure.ts";

/** What was being done when the system said no, as in "cannot read /repo/x". */
export type FilesystemAction = "read" | "write" | "list" | "remove" | "enter";

/** Refusals and what to do about each. Every other system error means that the store cannot be asked. */
const REFUSALS: Readonly<Record<string, string>> = {
  EACCES: "Give the user who runs Hindsight access to the repository; it must own what is in it.",
  EPERM: "Look for an immutable file or a file system without hard links under the repository.",
  EROFS: "The file system is mounted read-only; mount it for writing.",
  ENOSPC: "Free or add space on the file system of the repository; nothing was left half written.",
  EDQUOT:
    "Raise the disk quota of the user who owns the repository; nothing was left half written.",
  EFBIG: "Raise the limit on file sizes (ulimit -f) of the process.",
  EMLINK: "The file system allows no more links or directories at this place.",
  ENAMETOOLONG: "Use a repository path or stanza name that is shorter.",
  ELOOP: "Links inside a repository are never followed; replace it by what it points to.",
};

/** Errors that Node reports as "Unknown system error -122", without a code. */
const UNKNOWN_TO_NODE: Readonly<Record<string, string>> = {
  EDQUOT: "disk quota exceeded",
  ESTALE: "stale file handle",
};

const SYSTEM_CODE = /^E[A-Z0-9]+$/;

/**
 * Translates an error of the file system; anything else is handed back unchanged.
 *
 * @returns `REPOSITORY_DENIED` for a refusal, `REPOSITORY_UNREACHABLE` for every other system error, with the path.
 */
export function filesystemError(error: unknown, action: FilesystemAction, path: string): unknown {
  const code = error instanceof HindsightError ? undefined : errnoCode(error);
  if (code === undefined) return error;
  const message = `cannot ${action} ${path}: ${describe(error, code)}`;
  const hint = REFUSALS[code];
  const details = { context: { path, errno: code }, cause: error };
  if (hint !== undefined) return failure("REPOSITORY_DENIED", message, { ...details, hint });
  return failure("REPOSITORY_UNREACHABLE", message, {
    ...details,
    hint: "Check that the file system of the repository is mounted and healthy (dmesg shows device errors).",
  });
}

/** The error for something under the root that is neither a plain file nor a directory. */
export function foreignFileError(path: string, what: string): HindsightError {
  return failure("REPOSITORY_DENIED", `${path} is ${what}, which has no place in a repository`, {
    hint: "Links and special files inside a repository are never followed; remove it, or put back what was there.",
    context: { path },
  });
}

/** Whether the error says that there is no such name: the name or a directory above it is missing. */
export function isAbsence(error: unknown): boolean {
  const code = systemErrorCode(error);
  return code === "ENOENT" || code === "ENOTDIR";
}

/** The name of a system error, also of one that Node has no name for; undefined for any other error. */
function errnoCode(error: unknown): string | undefined {
  const code = systemErrorCode(error);
  if (code !== undefined && SYSTEM_CODE.test(code)) return code;
  const errno = errorNumber(error);
  if (errno === undefined) return undefined;
  const named = Object.entries(constants.errno).find(([, number]) => number === -errno);
  return named?.[0] ?? `errno ${-errno}`;
}

function errorNumber(error: unknown): number | undefined {
  if (!(error instanceof Error) || !("errno" in error)) return undefined;
  return typeof error.errno === "number" ? error.errno : undefined;
}

function describe(error: unknown, code: string): string {
  const errno = errorNumber(error);
  const text = UNKNOWN_TO_NODE[code] ?? (errno === undefined ? "" : getSystemErrorMessage(errno));
  return text === "" ? code : `${text} (${code})`;
}
