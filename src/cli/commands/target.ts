// `hindsight target EXPRESSION`: what a recovery to it would be. Writes nothing.
import type { Context } from "../../base/context.ts";
import { HindsightError } from "../../base/errors.ts";
import type { Settings } from "../../config/settings.ts";
import { EXIT, failure } from "../../model/failure.ts";
import { isDamage } from "../../recovery/history-segments.ts";
import { resolveTarget, type ResolvedTarget } from "../../recovery/target.ts";
import { listLost, type LostTransactions } from "../../recovery/target-lost.ts";
import type { WalArchive } from "../../repository/wal-archive.ts";
import { forecastRoute } from "../../restore/plan-forecast.ts";
import { planRoute, type Route, type RouteRequest } from "../../restore/plan-route.ts";
import type { Invocation } from "../invocation.ts";
import { createProgressLine } from "../render/progress.ts";
import {
  type CompiledTarget,
  targetJson,
  targetText,
  unreachableJson,
} from "../render/target-result.ts";
import { adviseOtherRepository, firstRepository, openArchive } from "../repositories.ts";
import { followingOptions } from "../following-options.ts";
import { readReference } from "../restore-request.ts";
import { readTimeline } from "../restore-target.ts";
import { parseTargetExpression } from "../target-expression.ts";

/** A target that cannot be reached is a result for scripts, and an error for people. */
export async function run(invocation: Invocation): Promise<number> {
  const { settings, output, words } = invocation;
  const [expression = ""] = words;
  try {
    const compiled = await compileTarget(invocation, expression);
    output.result(targetText(compiled), targetJson(compiled));
    return EXIT.done;
  } catch (error) {
    const advised = adviseOtherRepository(error, settings);
    const isUnreachable =
      advised instanceof HindsightError && advised.exitCode === EXIT.targetImpossible;
    if (!isUnreachable || output.format !== "json") throw advised;
    output.result(advised.message, unreachableJson(expression, advised));
    return EXIT.targetImpossible;
  }
}

async function compileTarget(
  { settings, context }: Invocation,
  expression: string,
): Promise<CompiledTarget> {
  const archive = await openArchive(settings, firstRepository(settings), context);
  const { set, reference } = await readReference(settings, archive, context);
  const target = parseTargetExpression(expression, reference);
  using line = createProgressLine();
  const onSegment = (segment: string): void => line.show(`reading WAL index ${segment}`);
  let resolved: ResolvedTarget | undefined;
  const request: RouteRequest = {
    ...archive,
    type: target.kind,
    target,
    // Which makes the end of the archive a place that is looked for, too.
    targetAction: "pause",
    timeline: readTimeline(settings),
    set,
    resolve: async (question, inner) => {
      const onProgress = ({ segment }: { readonly segment: string }): void => onSegment(segment);
      resolved = await resolveOrRefuse({ ...question, onProgress }, inner);
      return resolved;
    },
  };
  const route = await planRoute(request, context);
  if (!resolved) throw new TypeError("every target is looked for");
  return {
    expression,
    asked: target,
    route,
    resolved,
    forecast: await forecastRoute(archive, route, context),
    lost: await lostTransactions(settings, { archive, route, resolved, onSegment }, context),
    commandOptions: followingOptions(settings),
  };
}

/** Whatever is in the way, the target cannot be reached, and that is the answer. */
async function resolveOrRefuse(
  question: Parameters<typeof resolveTarget>[0],
  context: Context,
): Promise<ResolvedTarget> {
  try {
    return await resolveTarget(question, context);
  } catch (error) {
    if (!isDamage(error)) throw error;
    const { message, hint } = error;
    throw failure("TARGET_UNREACHABLE", message, { hint, context: error.context, cause: error });
  }
}

async function lostTransactions(
  settings: Settings,
  {
    archive,
    route: { backup, history },
    resolved: { stopLsn, isApplied },
    onSegment,
  }: {
    readonly archive: WalArchive;
    readonly route: Route;
    readonly resolved: ResolvedTarget;
    readonly onSegment: (segment: string) => void;
  },
  context: Context,
): Promise<LostTransactions | undefined> {
  if (!settings.get("list-lost")) return undefined;
  return await listLost(
    {
      archive,
      history,
      stopLsn,
      isApplied,
      blockSizeBytes: backup.blockSizeBytes,
      countMax: settings.get("limit"),
      onProgress: ({ segment }) => onSegment(segment),
    },
    context,
  );
}
