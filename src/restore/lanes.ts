// Work on a stream of items, several at a time, without waiting for the slowest one of a batch.

/**
 * Takes items from `source` as lanes become free. The first failure stops all lanes, and is thrown when they have ended.
 *
 * @param work gets a signal that is raised when another lane has failed.
 */
export async function forEachPulled<Item>(
  source: AsyncIterable<Item>,
  laneCount: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const iterator = source[Symbol.asyncIterator]();
  let failed: { readonly error: unknown } | undefined;
  const lane = async (): Promise<void> => {
    try {
      for (let step = await iterator.next(); !step.done && !failed; step = await iterator.next()) {
        await work(step.value);
      }
    } catch (error) {
      failed ??= { error };
    }
  };
  await Promise.all(Array.from({ length: Math.max(1, laneCount) }, lane));
  if (!failed) return;
  await iterator.return?.();
  throw failed.error;
}
