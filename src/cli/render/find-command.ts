// The command that brings back the instant before a transaction.
import { formatLsn, type Lsn } from "../../model/lsn.ts";
import type { FoundTransaction } from "../../recovery/found-transaction.ts";
import type { ManifestHeader } from "../../repository/manifest.ts";

/** What the command depends on beside the transaction. */
export interface RestoreAdvice {
  /** Complete backups on the path, oldest first. */
  readonly backups: readonly ManifestHeader[];
  /** Options that this command was given and the next one needs. */
  readonly options: readonly string[];
}

/**
 * Ready to be typed; it restores beside the cluster, never over it.
 *
 * @returns undefined when no backup was complete before the transaction.
 */
export function restoreCommand(
  { stopBefore, timeline }: Pick<FoundTransaction, "stopBefore" | "timeline">,
  { backups, options }: RestoreAdvice,
): string | undefined {
  if (!isReachable(stopBefore.lsn, backups)) return undefined;
  const target = `--type=lsn --target=${formatLsn(stopBefore.lsn)} --target-exclusive`;
  const place = "--pg1-path=DIRECTORY --start --port=5444";
  return `hindsight ${options.join(" ")} ${target} --target-timeline=${timeline} ${place} restore`;
}

function isReachable(lsn: Lsn, backups: readonly ManifestHeader[]): boolean {
  return backups.some(({ stopLsn }) => stopLsn <= lsn);
}
