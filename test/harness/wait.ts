// Waiting for something to become true, with a limit and a sentence that says what never came.
import { setTimeout as sleep } from "node:timers/promises";

const POLL_MS = 25;
const TIMEOUT_MS = 30_000;

/**
 * Resolves when `condition` answers true.
 *
 * @param what is awaited, for the message.
 * @param timeoutMs default 30 seconds.
 */
export async function waitUntil(
  what: string,
  condition: () => Promise<boolean>,
  timeoutMs: number = TIMEOUT_MS,
): Promise<void> {
  const deadline = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > deadline) throw new Error(`waited ${timeoutMs} ms in vain for ${what}`);
    await sleep(POLL_MS);
  }
}
