// Time for tests: it passes only while somebody sleeps, and then at once.
import { setImmediate } from "node:timers/promises";
import type { Clock } from "./clock.ts";

export class SteppingClock implements Clock {
  /** What every sleep asked for, in order. */
  readonly delaysMs: number[] = [];
  readonly #onSleep: (sleepCount: number) => void | Promise<void>;
  #nowMs = 0;

  /** @param onSleep called in each sleep, with their number so far: for what happens meanwhile. */
  constructor(onSleep: (sleepCount: number) => void | Promise<void> = () => undefined) {
    this.#onSleep = onSleep;
  }

  now(): Temporal.Instant {
    return Temporal.Instant.fromEpochMilliseconds(this.#nowMs);
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  async sleep(delayMs: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.delaysMs.push(delayMs);
    this.#nowMs += delayMs;
    await this.#onSleep(this.delaysMs.length);
    // Whoever sleeps in a loop must let others have their turn.
    await setImmediate();
    signal?.throwIfAborted();
  }
}
