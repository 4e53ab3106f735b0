// Trying again: exponential delays with a ceiling and a limit of attempts.
import type { Clock } from "./clock.ts";

/** How often and how patiently an operation is tried again: the delay doubles from the first to the longest. */
export interface RetryPolicy {
  readonly attemptCountMax: number;
  readonly delayFirstMs: number;
  readonly delayMaxMs: number;
  /** Says whether this failure may pass by itself. */
  readonly isTransient: (error: unknown) => boolean;
}

/**
 * Calls `operation` until it succeeds, fails for good, or the policy is exhausted.
 *
 * @param operation must be idempotent: a lost answer counts as a failure.
 * @throws the last failure, unchanged.
 */
export async function retry<Result>(
  operation: (attempt: number) => Promise<Result>,
  policy: RetryPolicy,
  { clock, signal }: { readonly clock: Clock; readonly signal?: AbortSignal | undefined },
): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      signal?.throwIfAborted();
      return await operation(attempt);
    } catch (error) {
      if (signal?.aborted || attempt >= policy.attemptCountMax || !policy.isTransient(error))
        throw error;
      await clock.sleep(
        Math.min(policy.delayFirstMs * 2 ** (attempt - 1), policy.delayMaxMs),
        signal,
      );
    }
  }
}
