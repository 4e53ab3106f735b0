// Limits that are not a matter of taste. Limits of one part live in that part.

/** Bytes of a kibibyte. */
export const KIB: number = 1024;
/** Bytes of a mebibyte. */
export const MIB: number = 1024 * KIB;
/** Bytes of a gibibyte. */
export const GIB: number = 1024 * MIB;

/** Runs `work` over `items` with at most `concurrencyMax` at a time; the first failure aborts the rest. */
export async function forEachLimited<Item>(
  items: Iterable<Item>,
  concurrencyMax: number,
  work: (item: Item, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  const controller = new AbortController();
  const lane = async (): Promise<void> => {
    for (let step = iterator.next(); !step.done; step = iterator.next()) {
      if (controller.signal.aborted) return;
      try {
        await work(step.value, controller.signal);
      } catch (error) {
        controller.abort(error);
        throw error;
      }
    }
  };
  const results = await Promise.allSettled(
    Array.from({ length: Math.max(1, concurrencyMax) }, lane),
  );
  if (controller.signal.aborted) throw controller.signal.reason as Error;
  for (const result of results) if (result.status === "rejected") throw result.reason as Error;
}
