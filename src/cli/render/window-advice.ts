// What a gap means for recovery, and what can be done about it.
import type { GapKind, RecoveryGap } from "../../recovery/window-gaps.ts";

/** Sentences: what is out of reach because of the gap, then how to close it. */
export function gapAdvice(gap: RecoveryGap): string {
  return [consequence(gap), REMEDIES[gap.kind]].filter((part) => part !== "").join(" ");
}

function consequence(gap: RecoveryGap): string {
  if (gap.kind === "historyMissing") return "Nothing of this timeline can be recovered.";
  if (gap.backupBehind !== undefined) {
    return gap.hasWindowBefore
      ? `No recovery passes it; what is behind it can be reached from backup ${gap.backupBehind} on.`
      : "Nothing is lost by it: it lies before the first window.";
  }
  return gap.isOnNewestPath
    ? "No recovery passes it: nothing behind it can be reached until a new backup is taken. Run `hindsight backup` now."
    : "No recovery passes it: nothing behind it can be reached.";
}

const REMEDIES: Readonly<Record<GapKind, string>> = {
  missing:
    "If a missing file still lies in pg_wal of the cluster or of a standby, `hindsight archive-push PATH` stores it and closes the gap.",
  givenUp: "",
  damaged:
    "If another repository still has the file whole, recover from there with --repo; keep the damaged one as evidence, and check the storage.",
  ended: "PostgreSQL would take that place for the end of WAL.",
  historyMissing:
    "The history file stays in pg_wal of every server that followed the timeline: `hindsight archive-push PATH` stores it.",
};
