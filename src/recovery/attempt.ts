// One recovery, driven to its end: starts PostgreSQL on a restored directory, watches it, and answers only when it is
// certain what became of it. Neither a program's exit status nor a line of a log is taken for the outcome: the log says
// when to look, a connection says what is.
//
// An attempt is in one of these states:
//
//   starting    entry: the server was started on the directory, with a configuration generated for it
//               exits: replaying when redo starts; raising; failed
//               limit: noProgressLimitMs without a line in the log
//   replaying   entry: "redo starts at"
//               exits: reached when the target is; ended when WAL is; raising; failed
//               limit: noProgressLimitMs without a line in the log and without replayed WAL
//   raising     entry: a setting is lower than it was on the primary, which pauses redo or ends the server
//               exits: starting, with the higher value and on the same directory; failed after SETTING_RAISES_MAX
//   reached     entry: "recovery stopping …"; then "pausing", a shutdown, or the end of recovery, as the plan says
//               exits: paused, promoted, shutdown; failed, also when PostgreSQL leaves recovery though it must not
//   ended       entry: "redo done" without a target
//               exits: promoted; failed when that is not where the plan says the archive ends
//
// and ends in one of these, the first three with a result, the last with an error:
//
//   paused      a connection says: in recovery, and paused. The server stays up.
//   promoted    a connection says: not in recovery. The server stays up.
//   shutdown    the server said "shutdown at recovery target" and ended with status 0.
//   failed      the server is stopped, the directory and the log are kept, and the error says why in plain words.
//
// A server outlives the command that started it, so no state is kept here: a later command finds the server by its
// directory and asks it. The rules that lead from one state to the next: attempt-verdict.ts. Log and polling:
// attempt-watch.ts. Start and stop: attempt-server.ts.
import type { Context } from "../base/context.ts";
import { HindsightError } from "../base/errors.ts";
import { failure, isFailure } from "../model/failure.ts";
import type { ConnectionSettings } from "../postgres/connection.ts";
import { explainRecoveryFailure } from "../postgres/recovery-failure.ts";
import type { ServerHandle } from "../postgres/server.ts";
import type { AttemptRequest, AttemptResult } from "./attempt-request.ts";
import { type AttemptEnding, attemptResult, replaySeconds } from "./attempt-result.ts";
import {
  connectionTo,
  type Launch,
  launchServer,
  prepareLaunch,
  readServerLog,
  stopForGood,
} from "./attempt-server.ts";
import { leftRecovery } from "./attempt-verdict.ts";
import { watchRecovery, type WatchEnd } from "./attempt-watch.ts";
import type { RecoveryCourse, RequiredSetting } from "./recovery-course.ts";
import { type RecoveryView, waitForView } from "./recovery-view.ts";

/** There are five such settings, and each may have been raised more than once in the WAL to replay. */
const SETTING_RAISES_MAX = 10;

/**
 * Recovers a restored directory to the target of its plan.
 *
 * @throws {HindsightError} why it failed: the codes of {@link explainRecoveryFailure}; `RECOVERY_PROMOTED` when
 *   PostgreSQL left recovery although it must not, `RECOVERY_WAL_DAMAGED` when it ended before the archive does,
 *   `RECOVERY_TIMEOUT`, `POSTGRES_START_FAILED`, `DESTINATION_RUNNING`. The server is stopped, the directory kept.
 */
export async function runAttempt(
  request: AttemptRequest,
  context: Context,
): Promise<AttemptResult> {
  if (request.plan.type === "standby") throw standbyHasNoEnd();
  const beginMs = context.clock.monotonicMs();
  let raised: Readonly<Record<string, number>> = {};
  let replayedSeconds = 0;
  let launch: Launch | undefined;
  for (let start = 0; start <= SETTING_RAISES_MAX; start += 1) {
    launch = await prepareLaunch(request, raised, launch);
    const end = await runOnce(request, launch, context);
    replayedSeconds += replaySeconds(end.course);
    if (end.kind === "ended") {
      const totalSeconds = (context.clock.monotonicMs() - beginMs) / 1000;
      return attemptResult(request, end, { launch, replaySeconds: replayedSeconds, totalSeconds });
    }
    raised = { ...raised, [end.setting.name]: end.setting.required };
    context.log.warn("restarting recovery with a higher setting", { ...end.setting });
  }
  throw raisedInVain();
}

/** One start ended for good, or recovery is to begin again with a higher setting. */
type StartEnd =
  | ({ readonly kind: "ended" } & AttemptEnding)
  | { readonly kind: "raise"; readonly setting: RequiredSetting; readonly course: RecoveryCourse };

/** What the functions below act on. */
interface Running {
  readonly request: AttemptRequest;
  readonly server: ServerHandle;
  readonly connection: ConnectionSettings;
}

async function runOnce(
  request: AttemptRequest,
  launch: Launch,
  context: Context,
): Promise<StartEnd> {
  let server: ServerHandle | undefined;
  try {
    server = await launchServer(request, launch, context);
    const running = { request, server, connection: connectionTo(request, launch) };
    return await conclude(await watchRecovery(running, context), running, context);
  } catch (error) {
    if (server) await stopForGood(server, context);
    throw withPlaces(error, {
      dataDirectory: request.plan.destination.path,
      logFile: launch.files.logFile,
    });
  }
}

/** Acts on what the watching ended with. */
async function conclude(
  { verdict, course }: WatchEnd,
  running: Running,
  context: Context,
): Promise<StartEnd> {
  const { pid } = running.server;
  switch (verdict?.kind) {
    case undefined:
      return concludeExit(course, running);
    case "raise":
      await stopForGood(running.server, context);
      return { kind: "raise", setting: verdict.setting, course };
    case "refuse":
      throw verdict.error;
    case "confirmPause": {
      const view = await confirm(running, (seen) => mustPause(seen, running.request), context);
      return { kind: "ended", state: "paused", pid, course, view };
    }
    case "confirmPromotion": {
      const view = await confirm(running, (seen) => !seen.inRecovery, context);
      return { kind: "ended", state: "promoted", pid, course, view };
    }
  }
}

/** The server is gone: at its target as it was told to, or because somebody stopped it, or because it failed. */
async function concludeExit(course: RecoveryCourse, { server }: Running): Promise<StartEnd> {
  const exit = await server.exited;
  if (exit.code !== 0) throw explainRecoveryFailure(await readServerLog(server.logFile));
  if (!course.shutDownAtTarget) throw stoppedFromOutside(server);
  return { kind: "ended", state: "shutdown", pid: server.pid, course, view: undefined };
}

/** Waits for a connection to say so; a server that ends meanwhile is explained by its log. */
async function confirm(
  { server, connection }: Running,
  isWanted: (view: RecoveryView) => boolean,
  context: Context,
): Promise<RecoveryView> {
  const gone = new AbortController();
  void server.exited.then(() => gone.abort());
  try {
    const signal = AbortSignal.any([context.signal, gone.signal]);
    return await waitForView(connection, isWanted, { ...context, signal });
  } catch (error) {
    if (context.signal.aborted || !gone.signal.aborted) throw error;
    throw explainRecoveryFailure(await readServerLog(server.logFile));
  }
}

function mustPause(view: RecoveryView, { plan }: AttemptRequest): boolean {
  if (!view.inRecovery) throw leftRecovery(plan);
  return view.isPaused;
}

/** Adds where to look. */
function withPlaces(
  error: unknown,
  places: { readonly dataDirectory: string; readonly logFile: string },
): unknown {
  if (isFailure(error, "DESTINATION_RUNNING")) return error;
  if (!(error instanceof HindsightError)) return error;
  return new HindsightError(error.code, error.exitCode, error.message, {
    hint: error.hint,
    cause: error.cause,
    context: { ...error.context, ...places },
  });
}

function stoppedFromOutside({ dataDirectory }: ServerHandle): Error {
  return failure(
    "POSTGRES_STATE_WRONG",
    `the server in ${dataDirectory} was stopped by somebody before its recovery ended`,
    { hint: "The directory is intact: start it again to go on." },
  );
}

function raisedInVain(): Error {
  return failure(
    "RECOVERY_SETTING_TOO_LOW",
    `settings were raised ${SETTING_RAISES_MAX} times, and recovery still asks for more`,
    { hint: "Set max_connections and the other limits high enough with --recovery-option." },
  );
}

function standbyHasNoEnd(): Error {
  return failure("CONFIG_OPTION_UNSUPPORTED", "a standby has no end of recovery to be driven to", {
    hint: "Restore without --start, then start the standby like any server.",
  });
}
