// Whether WAL is missing or damaged in the archive. It fails only where nothing new can be recovered: a gap that a later
// backup lies behind is history.
import type { Context } from "../../base/context.ts";
import { EXIT } from "../../model/failure.ts";
import { readRecoveryWindows } from "../../recovery/window.ts";
import type { RecoveryGap } from "../../recovery/window-gaps.ts";
import { listBackupHeaders } from "../../repository/backup-headers.ts";
import type { WalArchive } from "../../repository/wal-archive.ts";
import { gapAdvice } from "../render/window-advice.ts";
import { failed, failedBy, type Finding, passed, warned } from "./finding.ts";

const NAME = "archive gaps";

/** Looks for what `hindsight window` calls a gap. */
export async function checkGaps(archive: WalArchive, context: Context): Promise<Finding> {
  try {
    const { repository, stanza } = archive;
    const backups = await listBackupHeaders(repository, stanza, context);
    const { gaps } = await readRecoveryWindows({ archive, backups }, context);
    return gapFinding(gaps);
  } catch (error) {
    return failedBy(NAME, error);
  }
}

/** The finding about all gaps together; the one that hurts most is named. */
export function gapFinding(gaps: readonly RecoveryGap[]): Finding {
  const cutting = gaps.find((gap) => gap.isOnNewestPath && gap.backupBehind === undefined);
  const [worst] = cutting ? [cutting] : gaps;
  if (!worst) return passed(NAME, "none");
  const more = gaps.length === 1 ? "" : `; ${gaps.length} in all`;
  const detail = `${worst.reason}${more}`;
  const advice = `${gapAdvice(worst)} \`hindsight window\` shows what can be reached.`;
  return cutting
    ? failed(NAME, detail, { fix: advice, exitCode: EXIT.walGap })
    : warned(NAME, detail, advice);
}
