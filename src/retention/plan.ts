// The plan of an expire: which backups are hidden, which dead ones are revoked, and what can be deleted. Pure, but for the
// reading at the top. Doing it: perform.ts.
import type { Context } from "../base/context.ts";
import type { BackupLabel } from "../model/backup-label.ts";
import { compareLabels } from "../repository/backup-set.ts";
import { isOlder } from "./archive-floor.ts";
import { type BackupChoice, chooseBackups, type LabelReason } from "./choose-backups.ts";
import type { ExpireRequest } from "./rules.ts";
import { isRestorable, readState, type RetentionState } from "./state.ts";
import { ManifestMemory, type RetentionPlace } from "./survey.ts";
import { planSweep, requireCertainty, type Sweep } from "./sweep.ts";

/** What an expire would do. */
export interface ExpirePlan {
  readonly choice: BackupChoice;
  /** Unfinished backups that nobody will finish. */
  readonly revoked: readonly LabelReason[];
  /** Backups that are hidden although somebody needs them: they are listed again. */
  readonly shown: readonly LabelReason[];
  /** What is deleted in this run. */
  readonly sweep: Sweep;
  /** What will have been deleted when grace is over for all of it, and nothing else happens. */
  readonly finalSweep: Sweep;
  readonly state: RetentionState;
}

/**
 * Reads the stanza and plans.
 *
 * @throws {HindsightError} as {@link chooseBackups} and {@link requireCertainty}; what the store throws.
 */
export async function planExpire(
  place: RetentionPlace,
  request: ExpireRequest,
  {
    context,
    memory = new ManifestMemory(),
  }: { readonly context: Context; readonly memory?: ManifestMemory },
): Promise<ExpirePlan> {
  const state = await readState(place, memory, context);
  return decide(state, request, context.clock.now());
}

/** Plans for a state that was read. */
export function decide(
  state: RetentionState,
  request: ExpireRequest,
  now: Temporal.Instant,
): ExpirePlan {
  requireCertainty(withoutNamed(state, request));
  const { survey } = state;
  const choice = chooseBackups({
    survey,
    request,
    isRestorable: (backup) => isRestorable(state, backup),
    now,
  });
  const revoked = deadBackups(state, request, now);
  const after = afterwards(state, { choice, revoked, now });
  const final = { ...request, rules: { ...request.rules, graceMs: 0 } };
  return {
    choice,
    revoked,
    shown: wronglyHidden(state, request, now),
    sweep: planSweep(after, request, now),
    finalSweep: planSweep(after, final, now),
    state,
  };
}

/** A damaged backup that is named is given up: what it needs does not matter any more. */
function withoutNamed(state: RetentionState, { named }: ExpireRequest): RetentionState {
  const damaged = state.survey.damaged.filter(({ label }) => !named.includes(label));
  return { ...state, survey: { ...state.survey, damaged } };
}

/**
 * An unfinished backup is dead when it began longer ago than the grace period and a later one is complete. Should it live
 * after all, then it cannot commit: it ends with 27, and nothing is lost but its work.
 */
function deadBackups(
  { survey }: RetentionState,
  { rules }: ExpireRequest,
  now: Temporal.Instant,
): readonly LabelReason[] {
  const newest = survey.backups.at(-1);
  if (!newest) return [];
  return survey.unfinished
    .filter(({ startedAt }) => isOlder(startedAt, now, rules.graceMs))
    .filter(({ label }) => compareLabels(label, newest.label) < 0)
    .map(({ label, host, startedAt }) => ({
      label,
      reason: `host ${host} began it at ${startedAt.toString({ smallestUnit: "second" })} and never completed it, but later ones are`,
    }));
}

/** A hold or an intent that came between a tombstone and the look for them, in a run that was interrupted there. */
function wronglyHidden(
  state: RetentionState,
  { rules }: ExpireRequest,
  now: Temporal.Instant,
): readonly LabelReason[] {
  const { survey } = state;
  return survey.hidden.flatMap(({ label, since, backup }) => {
    if (!since || isOlder(since, now, rules.graceMs)) return [];
    if (!backup || !isRestorable(state, backup)) return [];
    const isHeld = survey.holds.some((hold) => hold.label === label);
    const isUsed = survey.unfinished.some(({ prior }) => prior === label);
    if (!isHeld && !isUsed) return [];
    return [{ label, reason: isHeld ? "it is held" : "an unfinished backup builds on it" }];
  });
}

/** The state after everything was hidden and revoked. */
function afterwards(
  state: RetentionState,
  {
    choice,
    revoked,
    now,
  }: Pick<ExpirePlan, "choice" | "revoked"> & { readonly now: Temporal.Instant },
): RetentionState {
  const { survey } = state;
  const going = new Set(choice.going.map(({ label }) => label));
  const dead = new Set(revoked.map(({ label }) => label));
  const byLabel = new Map(survey.backups.map((backup) => [backup.label, backup]));
  const hidden = [...going].map((label: BackupLabel) => ({
    label,
    since: now,
    backup: byLabel.get(label),
  }));
  return {
    ...state,
    survey: {
      ...survey,
      backups: choice.staying,
      hidden: [...survey.hidden, ...hidden],
      damaged: survey.damaged.filter(({ label }) => !going.has(label)),
      unfinished: survey.unfinished.filter(({ label }) => !dead.has(label)),
      revoked: [...survey.revoked, ...[...dead].map((label) => ({ label, since: now }))],
    },
  };
}
