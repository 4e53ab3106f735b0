// What to say about a restore that did not finish: what happened, that PostgreSQL cannot start from what lies there, and
// that the same command with --delta goes on.
import { errorMessage, HindsightError, systemErrorCode } from "../base/errors.ts";
import { failure, type FailureCode, isFailure } from "../model/failure.ts";

const CODES: Readonly<Record<string, FailureCode>> = {
  EACCES: "DESTINATION_DENIED",
  EDQUOT: "DESTINATION_FULL",
  EEXIST: "DESTINATION_UNSAFE",
  EFBIG: "DESTINATION_FULL",
  EIO: "DESTINATION_DENIED",
  ELOOP: "DESTINATION_UNSAFE",
  ENOENT: "DESTINATION_UNSAFE",
  ENOSPC: "DESTINATION_FULL",
  ENOTDIR: "DESTINATION_UNSAFE",
  EPERM: "DESTINATION_DENIED",
  EROFS: "DESTINATION_DENIED",
};

const MEANINGS: Partial<Record<FailureCode, string>> = {
  DESTINATION_DENIED: "could not be written",
  DESTINATION_FULL: "ran out of space",
  DESTINATION_UNSAFE: "was changed by somebody else while it was written",
};

/**
 * The error to throw for what ended a restore after its first change.
 *
 * @param error what was thrown.
 * @param path the data directory.
 * @param signal the context's.
 */
export function unfinished(error: unknown, path: string, signal: AbortSignal): Error {
  const state = `${path} is incomplete, and PostgreSQL cannot start from it`;
  const again = "Run the same restore again with --delta: it goes on from what is there.";
  if (signal.aborted) {
    return failure("INTERRUPTED", `the restore was interrupted; ${state}`, {
      hint: again,
      cause: error,
    });
  }
  if (error instanceof HindsightError) {
    // The same backup from the same repository would end in the same damage.
    const next = isFailure(error, "OBJECT_CORRUPT") ? "Restore there with --delta." : again;
    const hint = error.hint === undefined ? next : `${error.hint} ${next}`;
    const { context } = error;
    return new HindsightError(error.code, error.exitCode, `${error.message}; ${state}`, {
      hint,
      context,
      cause: error,
    });
  }
  const systemCode = systemErrorCode(error);
  const code = systemCode === undefined ? undefined : CODES[systemCode];
  if (code === undefined) return new Error(`${errorMessage(error)}; ${state}`, { cause: error });
  return failure(code, `${path} ${MEANINGS[code]} (${systemCode}); ${state}`, {
    hint: `Remove the cause. ${again}`,
    context: { path, reason: systemCode },
    cause: error,
  });
}
