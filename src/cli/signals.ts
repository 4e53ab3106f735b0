// Signals that ask the process to end. The first aborts the running command, which cleans up and fails; the second ends
// the process at once.
import { constants } from "node:os";
import { failure } from "../model/failure.ts";

const ENDING_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/** Aborted by the first of SIGINT, SIGTERM and SIGHUP with the reason `INTERRUPTED`. */
export interface SignalWatch extends Disposable {
  readonly signal: AbortSignal;
  /** Which signal came. */
  received(): NodeJS.Signals | undefined;
}

/** Begins to watch; dispose it to let signals have their usual effect again. */
export function watchSignals(): SignalWatch {
  const controller = new AbortController();
  let first: NodeJS.Signals | undefined;
  const onSignal = (name: NodeJS.Signals): void => {
    if (first !== undefined) process.exit(128 + constants.signals[name]);
    first = name;
    controller.abort(
      failure("INTERRUPTED", `interrupted by ${name}`, {
        hint: "What was begun is cleaned up; the command can be run again.",
      }),
    );
  };
  for (const name of ENDING_SIGNALS) process.on(name, onSignal);
  return {
    signal: controller.signal,
    received: () => first,
    [Symbol.dispose]() {
      for (const name of ENDING_SIGNALS) process.off(name, onSignal);
    },
  };
}
