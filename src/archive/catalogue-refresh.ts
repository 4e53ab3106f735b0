// A catalogue snapshot on the way of archive-push: WAL that made new relations was just archived, and this is the time to
// learn their names. PostgreSQL waits for the command, so there is little time, and nothing that happens here may fail
// it. What a snapshot holds: model/catalogue.ts.
import type { Context } from "../base/context.ts";
import { errorMessage } from "../base/errors.ts";
import type { StanzaName } from "../model/stanza.ts";
import type { ConnectionSettings } from "../postgres/connection.ts";
import { isFailure } from "../model/failure.ts";
import {
  catalogueWantedSince,
  forgetCatalogueWanted,
  wantCatalogue,
} from "../repository/catalogue-wanted.ts";
import { putCatalogue } from "../repository/catalogue.ts";
import type { Repository } from "../repository/repository.ts";

/** Loading the driver, connecting, reading every database and storing the snapshot may take so long together. */
const REFRESH_TIMEOUT_MS = 200;
/** Where a refresh always takes too long, WAL without new relations pays for it once in this time only. */
const RETRY_PAUSE_MS = 60_000;

/** Whose catalogue, and where it goes. */
export interface CatalogueRefreshRequest {
  readonly settings: ConnectionSettings;
  readonly repository: Repository;
  readonly stanza: StanzaName;
  /** Default {@link REFRESH_TIMEOUT_MS}. */
  readonly timeoutMs?: number | undefined;
}

/** What became of it. */
export type CatalogueRefresh =
  /** `exists`: a snapshot of this very position was there. */
  | { readonly kind: "stored" | "exists" }
  /** Nothing was stored, and why. */
  | { readonly kind: "skipped"; readonly reason: string };

/**
 * Takes a snapshot of the cluster's catalogues, unless that takes longer than a fifth of a second.
 *
 * @throws nothing but the reason of the context's signal.
 */
export async function refreshCatalogue(
  request: CatalogueRefreshRequest,
  context: Context,
): Promise<CatalogueRefresh> {
  context.signal.throwIfAborted();
  const { timeoutMs = REFRESH_TIMEOUT_MS } = request;
  const limit = AbortSignal.timeout(timeoutMs);
  const signal = AbortSignal.any([context.signal, limit]);
  try {
    return await untilAborted(signal, () => refresh(request, { ...context, signal }));
  } catch (error) {
    context.signal.throwIfAborted();
    const reason = limit.aborted ? `it took longer than ${timeoutMs} ms` : errorMessage(error);
    return { kind: "skipped", reason };
  }
}

/**
 * {@link refreshCatalogue}, when WAL that was archived just now asks for it, or when it could not be done the last time:
 * on a busy machine it takes several attempts, and the names of relations must not wait for the next DDL.
 *
 * @param request.changed whether that WAL made or dropped relations.
 * @returns `notDue` when there was nothing to do.
 * @throws {HindsightError} what the store throws; the reason of the context's signal.
 */
export async function refreshCatalogueIfDue(
  request: Omit<CatalogueRefreshRequest, "settings"> & {
    readonly changed: boolean;
    /** Asked only when a refresh is due. */
    readonly settings: () => Promise<ConnectionSettings>;
  },
  context: Context,
): Promise<CatalogueRefresh | { readonly kind: "notDue" }> {
  const { repository, stanza, changed } = request;
  const triedAt = await lastTry(repository, stanza, context);
  const pausedUntil = triedAt?.add({ milliseconds: RETRY_PAUSE_MS });
  const isPaused = !pausedUntil || Temporal.Instant.compare(context.clock.now(), pausedUntil) < 0;
  if (!changed && isPaused) return { kind: "notDue" };
  const settings = await request.settings();
  const refreshed = await refreshCatalogue({ ...request, settings }, context);
  if (refreshed.kind === "skipped") await wantCatalogue(repository, stanza, context);
  else if (triedAt) await forgetCatalogueWanted(repository, stanza, context);
  return refreshed;
}

/** A note that cannot be read is as good as an old one. */
async function lastTry(
  repository: Repository,
  stanza: StanzaName,
  context: Context,
): Promise<Temporal.Instant | undefined> {
  try {
    return await catalogueWantedSince(repository, stanza, context);
  } catch (error) {
    if (!isFailure(error, "OBJECT_CORRUPT")) throw error;
    return Temporal.Instant.fromEpochMilliseconds(0);
  }
}

async function refresh(
  { settings, repository, stanza }: CatalogueRefreshRequest,
  context: Context,
): Promise<CatalogueRefresh> {
  // Loaded only here: most segments need no snapshot, and PostgreSQL's driver is not loaded for them.
  const { readCatalogue } = await import("../postgres/catalogue.ts");
  const snapshot = await readCatalogue(settings, context);
  const outcome = await putCatalogue(repository, stanza, { snapshot, context });
  return { kind: outcome === "created" ? "stored" : "exists" };
}

/** Does not wait for work that is slow to obey, such as a session that is being closed. */
function untilAborted<Result>(signal: AbortSignal, work: () => Promise<Result>): Promise<Result> {
  const { promise, resolve, reject } = Promise.withResolvers<Result>();
  const onAbort = (): void => reject(signal.reason as Error);
  signal.addEventListener("abort", onAbort, { once: true });
  work()
    .then(resolve, reject)
    .finally(() => signal.removeEventListener("abort", onAbort));
  return promise;
}
