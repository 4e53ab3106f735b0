// One repository verified, and what its findings mean: which WAL is missing that should be there, and what can be recovered
// when everything damaged is taken away.
import type { Context } from "../base/context.ts";
import type { Settings } from "../config/settings.ts";
import { failure } from "../model/failure.ts";
import { segmentNumberAt, segmentNumberBefore } from "../model/wal-segment.ts";
import { readRecoveryWindows, type RecoveryWindows } from "../recovery/window.ts";
import type { RecoveryGap } from "../recovery/window-gaps.ts";
import { listBackupHeaders } from "../repository/backup-headers.ts";
import type { WalArchive } from "../repository/wal-archive.ts";
import { readState } from "../retention/state.ts";
import { ManifestMemory } from "../retention/survey.ts";
import { planSweep } from "../retention/sweep.ts";
import { hiding } from "../storage/hiding.ts";
import { type Verification, verifyStanza } from "../verify/verify.ts";
import { resolveLabel } from "./catalogue.ts";
import { retentionRules } from "./expire-run.ts";

/** What came of one repository. */
export interface RepositoryVerification extends Verification {
  /** WAL that retention keeps and that is not there; undefined when only one backup was looked at. */
  readonly missing: readonly RecoveryGap[] | undefined;
  /** What can be recovered without what is damaged; undefined as `missing`. */
  readonly windows: RecoveryWindows | undefined;
  /** The cluster's, as its newest backup recorded it. */
  readonly timeZone: string;
}

/** Verifies. @throws {HindsightError} what the store throws; findings are data. */
export async function verifyRepository(
  settings: Settings,
  { archive, number }: { readonly archive: WalArchive; readonly number: number },
  context: Context,
): Promise<RepositoryVerification> {
  const set = settings.get("set");
  const label = set === undefined ? undefined : await resolveLabel(set, archive, context);
  const { repository, stanza } = archive;
  const request = {
    repository,
    stanza,
    label,
    sampleShare: sampleShare(settings.get("sample")),
    threadCount: settings.get("process-max"),
  };
  const verification = await verifyStanza(request, context);
  const backups = (await listOrNothing(archive, context)).filter((each) =>
    verification.sound.includes(each.label),
  );
  const timeZone = backups.at(-1)?.settings["TimeZone"] ?? "UTC";
  if (label !== undefined) {
    return { ...verification, missing: undefined, windows: undefined, timeZone };
  }
  const damaged = new Set(verification.findings.map(({ key }) => key));
  const store = hiding(repository.store, (key) => damaged.has(key));
  const rest = { ...archive, repository: { ...repository, store } };
  const windows = await readRecoveryWindows({ archive: rest, backups }, context);
  const stored = await readRecoveryWindows({ archive, backups }, context);
  const missing = await missingWal(settings, { archive, number, stored }, context);
  return { ...verification, missing, windows, timeZone };
}

/** `5%`, `0.5%`: a share in [0, 1]. */
function sampleShare(text: string): number {
  const [, digits] = /^([0-9]{1,3}(?:\.[0-9]{1,4})?)%$/.exec(text) ?? [];
  const percent = Number(digits);
  if (percent >= 0 && percent <= 100) return percent / 100;
  throw failure("CONFIG_OPTION_INVALID", `--sample must be a percentage, not "${text}"`, {
    hint: "Write it as 5%.",
  });
}

/** Damage of all manifests is a finding already. */
async function listOrNothing(
  { repository, stanza }: WalArchive,
  context: Context,
): ReturnType<typeof listBackupHeaders> {
  try {
    return await listBackupHeaders(repository, stanza, context);
  } catch (error) {
    context.signal.throwIfAborted();
    context.log.detail("no backup can be read", { reason: String(error) });
    return [];
  }
}

/**
 * Gaps in WAL that retention would keep. Where it keeps less, holes are as wished; WAL that was given up is recorded and
 * known; damage is a finding of its own.
 */
async function missingWal(
  settings: Settings,
  {
    archive,
    number,
    stored,
  }: {
    readonly archive: WalArchive;
    readonly number: number;
    readonly stored: RecoveryWindows;
  },
  context: Context,
): Promise<readonly RecoveryGap[]> {
  const gaps = stored.gaps.filter(({ kind }) => kind !== "givenUp" && kind !== "damaged");
  if (gaps.length === 0) return [];
  const request = {
    rules: { ...retentionRules(settings, number), graceMs: 0 },
    named: [],
    force: false,
    archiveBefore: undefined,
  };
  const state = await readState(archive, new ManifestMemory(), context);
  const sweep = planSweep(state, request, context.clock.now()).archives.at(-1);
  const { segmentSizeBytes } = archive.record;
  return gaps.filter(({ timeline, begin, end }) => {
    const first = segmentNumberAt(begin, segmentSizeBytes);
    const last = segmentNumberBefore(end, segmentSizeBytes);
    return !sweep || sweep.keeps(timeline, first) || sweep.keeps(timeline, last);
  });
}
