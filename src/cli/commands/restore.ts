// `hindsight restore`, alias `recover`: plan, perform, and with --start recover to the end.
import type { Context } from "../../base/context.ts";
import { formatSize } from "../../base/size.ts";
import { EXIT } from "../../model/failure.ts";
import { formatLsn } from "../../model/lsn.ts";
import { HINDSIGHT_VERSION } from "../../model/version.ts";
import type { AttemptResult } from "../../recovery/attempt-request.ts";
import type { Repository } from "../../repository/repository.ts";
import { describePlan } from "../../restore/describe-plan.ts";
import { performRestore, type RestoreResult } from "../../restore/perform.ts";
import type { RestorePlan } from "../../restore/plan.ts";
import type { Invocation } from "../invocation.ts";
import type { JsonValue } from "../render/json.ts";
import { createProgressLine, formatBar } from "../render/progress.ts";
import { restoreJson, restoreText } from "../render/restore-result.ts";
import { commitJson, targetValue } from "../render/target-json.ts";
import { formatDuration } from "../render/units.ts";
import { adviseOtherRepository, firstRepository, openArchive } from "../repositories.ts";
import { planFromSettings, type PlannedRestore } from "../restore-request.ts";
import { driveRecovery, prepareStart, refuseEndless } from "../restore-start.ts";

/** Asks nothing. With --dry-run the plan is printed and nothing is written. */
export async function run(invocation: Invocation): Promise<number> {
  try {
    return await restore(invocation);
  } catch (error) {
    throw adviseOtherRepository(error, invocation.settings);
  }
}

async function restore({ settings, context, output }: Invocation): Promise<number> {
  const { log, clock } = context;
  const beginMs = clock.monotonicMs();
  const isStarting = settings.get("start");
  const archive = await openArchive(settings, firstRepository(settings), context);
  const planned = await withSearchLine((onSearch) =>
    planFromSettings(settings, { archive, onSearch }, context),
  );
  const { plan } = planned;
  if (isStarting) refuseEndless(plan.type);
  if (settings.get("dry-run")) {
    output.result(describePlan(plan).join("\n"), planJson(planned));
    return EXIT.done;
  }
  const start = isStarting ? await prepareStart(settings, plan, context) : undefined;
  log.info(`restore command begin ${HINDSIGHT_VERSION}`);
  for (const line of describePlan(plan)) log.detail(line);
  for (const warning of plan.warnings) log.warn(warning);
  const result = await performWithProgress(plan, archive.repository, context);
  log.info(`restore command end: completed in ${formatDuration(result.seconds)}`);
  let attempt: AttemptResult | undefined;
  if (start) attempt = await driveRecovery(planned, start, context);
  const totalSeconds = (clock.monotonicMs() - beginMs) / 1000;
  const ending = { plan, result, attempt, totalSeconds, pgCtl: start?.binaries.pgCtl };
  output.result(restoreText(ending), restoreJson(ending));
  return EXIT.done;
}

async function withSearchLine<Result>(
  work: (onSearch: (segment: string) => void) => Promise<Result>,
): Promise<Result> {
  using line = createProgressLine();
  return await work((segment) => line.show(`looking for the target in WAL segment ${segment}`));
}

async function performWithProgress(
  plan: RestorePlan,
  repository: Repository,
  context: Context,
): Promise<RestoreResult> {
  using line = createProgressLine();
  const onProgress = ({ bytesDone, bytesTotal }: { bytesDone: number; bytesTotal: number }): void =>
    line.show(
      `${formatBar(bytesDone / bytesTotal)}  ${formatSize(bytesDone)} of ${formatSize(bytesTotal)}`,
    );
  return await performRestore(plan, { repository, onProgress }, context);
}

function planJson({ plan }: PlannedRestore): JsonValue {
  const { answer, forecast, timeline } = plan;
  return {
    dryRun: true,
    backup: plan.backup.label,
    dataDirectory: plan.destination.path,
    target: targetValue(plan.target, timeline),
    compiled: targetValue(plan.compiled, timeline),
    stopLsn: plan.stopLsn === undefined ? null : formatLsn(plan.stopLsn),
    commitBefore: commitJson(answer?.commitBefore),
    commitAfter: commitJson(answer?.commitAfter),
    walSegments: plan.wal?.segmentCount ?? 0,
    walBytes: forecast.walBytes,
    walStoredBytes: forecast.walStoredBytes,
    forecastSeconds: Math.ceil(forecast.copySeconds + forecast.replaySeconds),
    plan: describePlan(plan),
    warnings: plan.warnings,
  };
}
