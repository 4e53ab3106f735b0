// `hindsight window`: from when to when the stanza can be recovered, along each timeline, and the gaps.
import { EXIT } from "../../model/failure.ts";
import { readRecoveryWindows } from "../../recovery/window.ts";
import { listBackupHeaders } from "../../repository/backup-headers.ts";
import type { Invocation } from "../invocation.ts";
import { windowsJson } from "../render/window-json.ts";
import { windowText } from "../render/window-text.ts";
import { adviseOtherRepository, firstRepository, openArchive } from "../repositories.ts";

/** Prints the windows. A gap, or no window at all, is a finding and not a failure of the command. */
export async function run({ settings, context, output }: Invocation): Promise<number> {
  try {
    const archive = await openArchive(settings, firstRepository(settings), context);
    const { repository, stanza } = archive;
    const backups = await listBackupHeaders(repository, stanza, context);
    const found = await readRecoveryWindows({ archive, backups }, context);
    const newest = backups.at(-1);
    const timeZone = newest && (newest.settings["TimeZone"] ?? "UTC");
    output.result(windowText({ stanza, found, timeZone }), { stanza, ...windowsJson(found) });
    return EXIT.done;
  } catch (error) {
    throw adviseOtherRepository(error, settings);
  }
}
