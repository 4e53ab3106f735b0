// What a check found out: data, not a failure. The command prints all of them and ends by the first that failed.
import { errorMessage, HindsightError } from "../../base/errors.ts";
import { EXIT } from "../../model/failure.ts";

/** The outcome of one check. */
export interface Finding {
  /** As Barman names it where Barman has it: `archive_mode`, `continuous archiving`. */
  readonly name: string;
  readonly passed: boolean;
  /** Whether it passed, but deserves attention. */
  readonly isWarning?: boolean;
  /** What was seen. */
  readonly detail: string;
  /** What to do, as a sentence; only when it failed or warns. */
  readonly fix?: string | undefined;
  /** How the command ends because of it; only when it failed. */
  readonly exitCode?: number;
}

/** A check that passed. */
export function passed(name: string, detail = ""): Finding {
  return { name, passed: true, detail };
}

/** A check that does not stop protection from working, and still asks to be looked at. */
export function warned(name: string, detail: string, fix: string): Finding {
  return { name, passed: true, isWarning: true, detail, fix };
}

/** A check that did not pass: the status is 33 unless what failed has one of its own. */
export function failed(
  name: string,
  detail: string,
  { fix, exitCode = EXIT.checkFailed }: { readonly fix?: string; readonly exitCode?: number } = {},
): Finding {
  return { name, passed: false, detail, fix, exitCode };
}

/** A check that could not be made because of a failure, which is rethrown when it is no operating error. */
export function failedBy(name: string, error: unknown): Finding {
  if (!(error instanceof HindsightError) || error.code === "INTERRUPTED") throw error;
  const { hint, exitCode } = error;
  return { name, passed: false, detail: errorMessage(error), fix: hint, exitCode };
}
