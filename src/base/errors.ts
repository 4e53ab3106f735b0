// The one error class. An error says what happened (message), how a script may tell it apart (code),
// how the process ends (exitCode), and what to do next (hint). Which codes exist and what they mean is
// the business of model/failure.ts; this file knows no domain word.

/** Facts about a failure, printed after the message and in JSON. Never holds a secret. */
export type ErrorContext = Readonly<Record<string, string | number | bigint | boolean | undefined>>;

/** What may be said about an error beside its code and message. */
export interface ErrorDetails {
  /** One sentence with the next step, ending in a full stop. */
  readonly hint?: string | undefined;
  readonly context?: ErrorContext | undefined;
  readonly cause?: unknown;
}

/** An operating error: something the world did, not a mistake of ours (those are assertions). */
export class HindsightError extends Error {
  override readonly name = "HindsightError";
  /** `AREA_NOUN_STATE`, stable across releases. */
  readonly code: string;
  /** The status the process ends with when nothing catches this error. */
  readonly exitCode: number;
  readonly hint: string | undefined;
  readonly context: ErrorContext;

  constructor(code: string, exitCode: number, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.code = code;
    this.exitCode = exitCode;
    this.hint = details.hint;
    this.context = details.context ?? {};
  }
}

/** The code of a Node system error (`ENOENT`, `EACCES`, …), or undefined for anything else. */
export function systemErrorCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" ? error.code : undefined;
}

/** The text of anything that was thrown. */
export function errorMessage(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
