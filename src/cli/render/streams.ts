// The only place that writes to the process's streams. Standard output carries the result and nothing else; everything
// that is said meanwhile goes to standard error. A reader that went away (EPIPE) is not our failure.
import { systemErrorCode } from "../../base/errors.ts";

/**
 * Makes sure that nobody listening never changes how the process ends. Call once, first.
 *
 * Only a result that could not be delivered counts, as on a full disk; a reader that went away did not want it. What is
 * said on standard error never counts: archive-push must not fail because the server's log has no room, and archive-get
 * must not end with 1, which means "absent".
 */
export function guardStreams(): void {
  process.stdout.on("error", (error) => {
    if (systemErrorCode(error) !== "EPIPE") process.exitCode ||= 1;
  });
  process.stderr.on("error", () => undefined);
}

/** Writes a piece of the result, ended with a line break. */
export function writeResult(text: string): void {
  eraseLiveLine();
  if (text !== "") process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
}

/** Writes a result that is no text; resolves when the reader took it. */
export async function writeBytes(bytes: Uint8Array): Promise<void> {
  eraseLiveLine();
  await new Promise<void>((resolve) => {
    process.stdout.write(bytes, () => resolve());
  });
}

/** Writes lines for the person who watches. */
export function writeNotice(text: string): void {
  eraseLiveLine();
  process.stderr.write(text.endsWith("\n") ? text : `${text}\n`);
}

const CLEAR_LINE = "\r\u001b[2K";

/** Whether the cursor stands behind a line that is drawn again and again. There is one terminal, so there is one. */
let hasLiveLine = false;

/** Draws the line that changes while something runs, in place of what was drawn before; cut to the terminal's width. */
export function drawLiveLine(text: string): void {
  process.stderr.write(`${CLEAR_LINE}${text.slice(0, (process.stderr.columns || 80) - 1)}`);
  hasLiveLine = true;
}

/** Takes it away again; everything else that is written does so first. */
export function eraseLiveLine(): void {
  if (hasLiveLine) process.stderr.write(CLEAR_LINE);
  hasLiveLine = false;
}

/** Whether standard error is a terminal that may show colours and moving lines. */
export function isLively(): boolean {
  return process.stderr.isTTY && !process.env["NO_COLOR"] && process.env["TERM"] !== "dumb";
}

/** Whether the result goes to a file, a pipe or a simple terminal, which may not show more than ASCII. */
export function isPlainOutput(): boolean {
  return !process.stdout.isTTY || process.env["TERM"] === "dumb";
}
