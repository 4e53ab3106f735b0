// The command that brings back the instant before a transaction.
import { formatLsn } from "../../model/lsn.ts";
import type { FoundTransaction } from "../../recovery/found-transaction.ts";

/** Ready to be typed; it restores beside the cluster, never over it. */
export function restoreCommand({ stopBefore, timeline }: FoundTransaction, stanza: string): string {
  return `hindsight --stanza=${stanza} --type=lsn --target=${formatLsn(stopBefore.lsn)} --target-exclusive --target-timeline=${timeline} --pg1-path=DIRECTORY --start --port=5444 restore`;
}
