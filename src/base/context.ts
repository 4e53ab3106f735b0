// What every operation is handed from outside, so that a test can replace it and a failing run can be replayed.
import { type Clock, systemClock } from "./clock.ts";
import { type Log, silentLog } from "./log.ts";
import { type Random, systemRandom } from "./random.ts";

/** What every operation is given instead of reaching for it: time, randomness, the log, and the wish to end. */
export interface Context {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Aborted when the user or the caller wants the operation to end; every waiting function obeys it. */
  readonly signal: AbortSignal;
}

/** The machine's clock and randomness, no log, and a signal that never fires; each can be replaced. */
export function createContext(parts: Partial<Context> = {}): Context {
  return {
    clock: systemClock,
    random: systemRandom,
    log: silentLog,
    signal: new AbortController().signal,
    ...parts,
  };
}
