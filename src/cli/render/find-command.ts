// The command that brings back the instant before a transaction.
import { formatLsn } from "../../model/lsn.ts";
import type { FoundTransaction } from "../../recovery/found-transaction.ts";
import type { ManifestHeader } from "../../repository/manifest.ts";
import { restoreCommandLine } from "./command-line.ts";

/** What the command depends on beside the transaction. */
export interface FindAdvice {
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
  { backups, options }: FindAdvice,
): string | undefined {
  const backup = backups.findLast(({ stopLsn }) => stopLsn <= stopBefore.lsn);
  if (!backup) return undefined;
  const target = ["--type=lsn", `--target=${formatLsn(stopBefore.lsn)}`, "--target-exclusive"];
  return restoreCommandLine({ following: options, target, timeline, backup: backup.label });
}
