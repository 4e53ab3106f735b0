// Watches the server while files are copied: the session must live, and the server must still be the one that was put
// into backup mode. A restart, a crash or a promotion makes the copy useless, so it is found out early.
import { errorMessage } from "../base/errors.ts";
import type { Context } from "../base/context.ts";
import { failure } from "../model/failure.ts";
import { type RecoveryState, readRecoveryState } from "../postgres/backup-mode.ts";
import type { ClusterFacts } from "../postgres/cluster-facts.ts";
import type { Session } from "../postgres/connection.ts";

const WATCH_INTERVAL_MS = 5_000;

/** As much of a session as a watch needs. */
export type WatchedSession = Pick<Session, "row" | "lost">;

/** @throws {HindsightError} `BACKUP_ABORTED` when the server is no longer the one the backup began on. */
export async function checkUnchanged(
  session: WatchedSession,
  facts: ClusterFacts,
  context: Context,
): Promise<void> {
  const now: RecoveryState = await readRecoveryState(session, context);
  const changed =
    now.systemIdentifier !== facts.systemIdentifier
      ? "it is another cluster"
      : now.postmasterStartTime !== facts.postmasterStartTime
        ? "it was restarted"
        : now.inRecovery !== facts.inRecovery || now.timeline !== facts.timeline
          ? "it was promoted or went into recovery"
          : undefined;
  if (changed === undefined) return;
  throw failure("BACKUP_ABORTED", `the server changed during the backup: ${changed}`, {
    hint: "The copy is discarded. Take the backup again.",
  });
}

/** Runs `work` while the session is watched; its signal ends when the session is lost or the server changed. */
export async function whileWatching<Result>(
  session: WatchedSession,
  facts: ClusterFacts,
  {
    context,
    work,
  }: { readonly context: Context; readonly work: (context: Context) => Promise<Result> },
): Promise<Result> {
  const ended = new AbortController();
  const signal = AbortSignal.any([context.signal, session.lost, ended.signal]);
  const watch = async (): Promise<void> => {
    for (;;) {
      await context.clock.sleep(WATCH_INTERVAL_MS, signal);
      await checkUnchanged(session, facts, context);
    }
  };
  const watching = watch().catch((error: unknown) => {
    if (!signal.aborted) ended.abort(error);
    context.log.debug("stopped watching the server", { reason: errorMessage(error) });
  });
  try {
    return await work({ ...context, signal });
  } catch (error) {
    throw reasonOf(context.signal, session.lost, ended.signal) ?? error;
  } finally {
    ended.abort(new Error("the copy ended"));
    await watching;
  }
}

function reasonOf(...signals: readonly AbortSignal[]): unknown {
  return signals.find((signal) => signal.aborted)?.reason;
}
