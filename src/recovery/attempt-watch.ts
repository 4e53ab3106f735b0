// Watches one start of a recovering server: follows its log for what it says, polls it for how far it is, and gives up on
// one that does not move. Ends with the first verdict that is not "go on", or with the server's own end.
import type { Context } from "../base/context.ts";
import { failure } from "../model/failure.ts";
import { type Lsn } from "../model/lsn.ts";
import { parseSegmentName, segmentBegin } from "../model/wal-segment.ts";
import { connect, type ConnectionSettings, type Session } from "../postgres/connection.ts";
import { followLog } from "../postgres/log-follower.ts";
import { recognise } from "../postgres/recovery-log.ts";
import type { ServerHandle } from "../postgres/server.ts";
import {
  type AttemptProgress,
  type AttemptRequest,
  NO_PROGRESS_LIMIT_MS,
} from "./attempt-request.ts";
import { judgeCourse, type Verdict } from "./attempt-verdict.ts";
import { advanceCourse, COURSE_BEGIN, type RecoveryCourse } from "./recovery-course.ts";
import { viewRecovery } from "./recovery-view.ts";
import { ReplayClock } from "./replay-clock.ts";

/** The start to watch, and what it was started for. */
export interface WatchRequest {
  readonly request: AttemptRequest;
  readonly server: ServerHandle;
  readonly connection: ConnectionSettings;
}

/** Why watching ended. */
export interface WatchEnd {
  readonly course: RecoveryCourse;
  /** Undefined: the server ended by itself. */
  readonly verdict: Exclude<Verdict, { readonly kind: "goOn" }> | undefined;
}

/** How often the server is asked how far it is, and progress is told. */
const POLL_INTERVAL_MS = 500;

/** What the follower of the log and the poller share. */
interface Watched {
  course: RecoveryCourse;
  movedAtMs: number;
  readonly clock: ReplayClock;
}

/**
 * Watches until there is something to do.
 *
 * @throws {HindsightError} `RECOVERY_TIMEOUT` when neither the log nor replay moved for `noProgressLimitMs`; or the
 *   reason of the context's signal.
 */
export async function watchRecovery(watch: WatchRequest, context: Context): Promise<WatchEnd> {
  const { server, request } = watch;
  const exited = new AbortController();
  void server.exited.then(() => exited.abort());
  const stalled = new AbortController();
  const done = new AbortController();
  const watched: Watched = {
    course: COURSE_BEGIN,
    movedAtMs: context.clock.monotonicMs(),
    clock: clockOf(request),
  };
  const polling = pollReplay(watch, watched, {
    ...context,
    signal: AbortSignal.any([context.signal, done.signal]),
  }).catch((error: unknown) => stalled.abort(error));
  try {
    const signal = AbortSignal.any([context.signal, stalled.signal]);
    const lines = followLog(server.logFile, { ...context, signal }, { until: exited.signal });
    for await (const line of lines) {
      const entry = recognise(line);
      if (!entry) continue;
      const phase = phaseOf(watched.course);
      watched.course = advanceCourse(watched.course, entry);
      watched.movedAtMs = context.clock.monotonicMs();
      if (phaseOf(watched.course) !== phase) tellProgress(request, watched);
      const verdict = judgeCourse(watched.course, request.plan);
      if (verdict.kind !== "goOn") return { course: watched.course, verdict };
    }
    return { course: watched.course, verdict: undefined };
  } finally {
    done.abort();
    await polling;
  }
}

/** Tells progress until its signal is aborted; then returns. Rejects with `RECOVERY_TIMEOUT`. */
async function pollReplay(
  { request, server, connection }: WatchRequest,
  watched: Watched,
  context: Context,
): Promise<void> {
  const { segmentSizeBytes } = request.plan.backup;
  const limitMs = request.noProgressLimitMs ?? NO_PROGRESS_LIMIT_MS;
  await using observer = new ReplayObserver(connection, context);
  try {
    for (;;) {
      await context.clock.sleep(POLL_INTERVAL_MS, context.signal);
      const nowMs = context.clock.monotonicMs();
      const position = await observer.position(watched.course, segmentSizeBytes);
      if (position && watched.clock.observe(nowMs, position)) watched.movedAtMs = nowMs;
      tellProgress(request, watched);
      if (nowMs - watched.movedAtMs > limitMs) throw noProgress(server, watched.course, limitMs);
    }
  } catch (error) {
    if (!context.signal.aborted) throw error;
  }
}

function clockOf({ plan: { backup, stopLsn, wal } }: AttemptRequest): ReplayClock {
  const endLsn = stopLsn ?? (wal && endOfSegment(wal.last, backup.segmentSizeBytes));
  return new ReplayClock({ beginLsn: backup.startLsn, endLsn });
}

function tellProgress(request: AttemptRequest, { course, clock }: Watched): void {
  request.onProgress?.({
    phase: phaseOf(course),
    replay: clock.read(),
    segment: course.lastSegment,
  });
}

function phaseOf(course: RecoveryCourse): AttemptProgress["phase"] {
  if (course.stop !== undefined || course.redoDoneLsn !== undefined) return "stopping";
  return course.redoStartedAt === undefined ? "starting" : "replaying";
}

function noProgress(server: ServerHandle, course: RecoveryCourse, limitMs: number): Error {
  const { lastSegment } = course;
  const where = lastSegment === undefined ? "" : `; the last WAL segment was ${lastSegment}`;
  return failure(
    "RECOVERY_TIMEOUT",
    `recovery in ${server.dataDirectory} has not moved for ${Math.round(limitMs / 1000)} s${where}`,
    {
      hint: "The server was stopped and the directory is kept: see its log for what it waited for, usually restore_command or the disk.",
    },
  );
}

function endOfSegment(name: string, segmentSizeBytes: number): Lsn {
  return segmentBegin(parseSegmentName(name, segmentSizeBytes).number + 1n, segmentSizeBytes);
}

/** Where replay is: by a connection once the server takes queries, else by its log. */
class ReplayObserver implements AsyncDisposable {
  readonly #connection: ConnectionSettings;
  readonly #context: Context;
  #session: Session | undefined;

  constructor(connection: ConnectionSettings, context: Context) {
    this.#connection = connection;
    this.#context = context;
  }

  async position(
    course: RecoveryCourse,
    segmentSizeBytes: number,
  ): Promise<{ lsn: Lsn; time?: Temporal.Instant | undefined } | undefined> {
    if (course.readOnlyAt !== undefined) {
      try {
        this.#session ??= await connect(this.#connection, this.#context);
        const view = await viewRecovery(this.#session);
        if (view.replayedLsn) return { lsn: view.replayedLsn, time: view.lastTransactionTime };
      } catch {
        // Replay may end a session, of a database that it drops for instance; the next look opens another.
        await this.#close();
      }
    }
    return positionInLog(course, segmentSizeBytes);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#close();
  }

  async #close(): Promise<void> {
    const session = this.#session;
    this.#session = undefined;
    await session?.[Symbol.asyncDispose]();
  }
}

/** All before the segment that was fetched last has been replayed. */
function positionInLog(course: RecoveryCourse, segmentSizeBytes: number): { lsn: Lsn } | undefined {
  const { lastSegment, replayedLsn } = course;
  if (lastSegment === undefined) return replayedLsn && { lsn: replayedLsn };
  const begin = segmentBegin(
    parseSegmentName(lastSegment, segmentSizeBytes).number,
    segmentSizeBytes,
  );
  return { lsn: replayedLsn !== undefined && replayedLsn > begin ? replayedLsn : begin };
}
