// The only place that writes to the process's streams. Standard output carries the result and nothing else; everything
// that is said meanwhile goes to standard error. A reader that went away (EPIPE) is not our failure.
import { systemErrorCode } from "../../base/errors.ts";

/** Makes sure that a closed pipe never changes how the process ends. Call once, first. */
export function guardStreams(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on("error", (error) => {
      // Whatever else is wrong with a stream cannot be said on it; the exit status still tells how the work went.
      if (systemErrorCode(error) !== "EPIPE") process.exitCode ||= 1;
    });
  }
}

/** Writes a piece of the result, ended with a line break. */
export function writeResult(text: string): void {
  if (text !== "") process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
}

/** Writes lines for the person who watches. */
export function writeNotice(text: string): void {
  process.stderr.write(text.endsWith("\n") ? text : `${text}\n`);
}

/** Writes without a line break, for a line that is drawn again. */
export function writeNoticeRaw(text: string): void {
  process.stderr.write(text);
}

/** Whether standard error is a terminal that may show colours and moving lines. */
export function isLively(): boolean {
  return process.stderr.isTTY && !process.env["NO_COLOR"] && process.env["TERM"] !== "dumb";
}
