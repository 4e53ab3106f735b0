// A store that asks again when it could not be asked. For stores behind a network; a local file system does not get
// better by asking twice.
import type { Context } from "../base/context.ts";
import { retry, type RetryPolicy } from "../base/retry.ts";
import { isFailure } from "../model/failure.ts";
import type { CallOptions, ObjectStore } from "./object-store.ts";

/** Five attempts within about six seconds: longer outages are for the caller, or for PostgreSQL, to wait out. */
export const STORE_RETRY_POLICY: RetryPolicy = {
  attemptCountMax: 5,
  delayFirstMs: 200,
  delayMaxMs: 5_000,
  isTransient: (error) => isFailure(error, "REPOSITORY_UNREACHABLE"),
};

/**
 * Repeats calls that fail with `REPOSITORY_UNREACHABLE`.
 *
 * - A refusal (`REPOSITORY_DENIED`) is not repeated: asking again does not give permission or space.
 * - A put of a stream is not repeated: a stream can be read only once.
 * - A put whose answer was lost is repeated and then answers "exists", which is handed on as it is: whether that object
 *   is ours only a comparison of contents can say.
 */
export function retrying(
  store: ObjectStore,
  context: Context,
  policy: RetryPolicy = STORE_RETRY_POLICY,
): ObjectStore {
  const { clock, log } = context;
  const again = <Answer>(
    method: string,
    options: CallOptions | undefined,
    call: () => Promise<Answer>,
  ): Promise<Answer> => {
    const counted = (attempt: number): Promise<Answer> => {
      if (attempt > 1) log.detail("store call repeated", { method, attempt });
      return call();
    };
    return retry(counted, policy, { clock, signal: options?.signal ?? context.signal });
  };
  return {
    description: store.description,
    put: (key, content, options) =>
      content instanceof Uint8Array
        ? again("put", options, () => store.put(key, content, options))
        : store.put(key, content, options),
    get: (key, options) => again("get", options, () => store.get(key, options)),
    stat: (key, options) => again("stat", options, () => store.stat(key, options)),
    list: (prefix, options) => again("list", options, () => store.list(prefix, options)),
    remove: (key, options) => again("remove", options, () => store.remove(key, options)),
  };
}
