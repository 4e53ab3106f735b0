// Failures as people and scripts read them.
import { errorMessage, HindsightError } from "../../base/errors.ts";
import { formatJson } from "./json.ts";

/** `error: message`, then the facts, then the hint. A mistake of ours shows where it happened. */
export function formatError(error: unknown): string {
  if (!(error instanceof HindsightError)) {
    const trace = error instanceof Error ? error.stack : undefined;
    return `error: unexpected: ${errorMessage(error)}\n${trace ?? ""}\nhint: This is a mistake in hindsight; please report it with these lines.`;
  }
  const facts = Object.entries(error.context)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `  ${name}: ${String(value)}\n`);
  const hint = error.hint === undefined ? "" : `hint: ${error.hint}\n`;
  return `error: ${error.message} [${error.code}]\n${facts.join("")}${hint}`;
}

/** The same as one JSON object, for `--output=json`. */
export function formatErrorJson(error: unknown): string {
  const known = error instanceof HindsightError ? error : undefined;
  return formatJson({
    error: {
      code: known?.code ?? "UNEXPECTED",
      exitCode: known?.exitCode ?? 1,
      message: errorMessage(error),
      hint: known?.hint,
      context: known?.context,
    },
  });
}
