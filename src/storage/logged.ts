// A store that writes one line for every call: what, how long, how it ended. Errors are not logged above debug here:
// whoever catches them decides what they mean.
import { errorMessage } from "../base/errors.ts";
import type { Context } from "../base/context.ts";
import type { LogFields } from "../base/log.ts";
import type { ObjectStore } from "./object-store.ts";

/** Passes every call on and logs it at level debug as `store call`, with method, key, milliseconds and answer. */
export function logged(store: ObjectStore, { log, clock }: Context): ObjectStore {
  const traced = async <Answer>(
    fields: LogFields,
    call: () => Promise<Answer>,
    describe: (answer: Answer) => LogFields,
  ): Promise<Answer> => {
    const beginMs = clock.monotonicMs();
    const elapsedMs = (): number => Math.round(clock.monotonicMs() - beginMs);
    try {
      const answer = await call();
      log.debug("store call", { ...fields, elapsedMs: elapsedMs(), ...describe(answer) });
      return answer;
    } catch (error) {
      log.debug("store call failed", {
        ...fields,
        elapsedMs: elapsedMs(),
        error: errorMessage(error),
      });
      throw error;
    }
  };
  return {
    description: store.description,
    put: (key, content, options) =>
      traced(
        { method: "put", key },
        () => store.put(key, content, options),
        (outcome) => ({ outcome }),
      ),
    get: (key, options) =>
      traced(
        { method: "get", key, ...options?.range },
        () => store.get(key, options),
        (bytes) => ({ sizeBytes: bytes?.length }),
      ),
    stat: (key, options) =>
      traced(
        { method: "stat", key },
        () => store.stat(key, options),
        (found) => ({ sizeBytes: found?.sizeBytes }),
      ),
    list: (prefix, options) =>
      traced(
        { method: "list", prefix, after: options?.after },
        () => store.list(prefix, options),
        (page) => ({ objectCount: page.objects.length, prefixCount: page.prefixes.length }),
      ),
    remove: (key, options) =>
      traced(
        { method: "remove", key },
        () => store.remove(key, options),
        () => ({}),
      ),
  };
}
