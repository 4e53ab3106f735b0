// A catalogue snapshot on the way of archive-push: WAL that made new relations was just archived, and this is the time to
// learn their names. PostgreSQL waits for the command, so there is little time, and nothing that happens here may fail
// it. What a snapshot holds: model/catalogue.ts.
import type { Context } from "../base/context.ts";
import { errorMessage } from "../base/errors.ts";
import type { CatalogueSnapshot } from "../model/catalogue.ts";
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

/** Finding the server, loading the driver, connecting, reading every database and storing may take so long together. */
const REFRESH_TIMEOUT_MS = 200;
/** Where a refresh always takes too long, WAL without new relations pays for it once in this time only. */
const RETRY_PAUSE_MS = 60_000;

/** Where a snapshot goes. */
export interface CatalogueDestination {
  readonly repository: Repository;
  readonly stanza: StanzaName;
}

/** Whose catalogue, and where it goes. */
export interface CatalogueRefreshRequest {
  /** Finds the server. */
  readonly findServer: () => Promise<ConnectionSettings>;
  readonly destinations: readonly CatalogueDestination[];
  /** Default {@link REFRESH_TIMEOUT_MS}. */
  readonly timeoutMs?: number | undefined;
}

/** What became of it in one place. */
export type CatalogueRefresh =
  /** `exists`: a snapshot of this very position was there. */
  | { readonly kind: "stored" | "exists" }
  /** Nothing was stored, and why. */
  | { readonly kind: "skipped"; readonly reason: string };

/**
 * Takes one snapshot of the cluster's catalogues and stores it everywhere, unless that takes longer than a fifth of a
 * second.
 *
 * @returns what became of it, for each destination.
 * @throws nothing but the reason of the context's signal.
 */
export async function refreshCatalogue(
  request: CatalogueRefreshRequest,
  context: Context,
): Promise<readonly CatalogueRefresh[]> {
  context.signal.throwIfAborted();
  const { findServer, destinations, timeoutMs = REFRESH_TIMEOUT_MS } = request;
  const limit = AbortSignal.timeout(timeoutMs);
  const signal = AbortSignal.any([context.signal, limit]);
  const inner = { ...context, signal };
  const reading = untilAborted(signal, () => readSnapshot(findServer, inner));
  const outcomes = destinations.map(async (destination): Promise<CatalogueRefresh> => {
    try {
      const snapshot = await reading;
      return await untilAborted(signal, () => store(snapshot, destination, inner));
    } catch (error) {
      context.signal.throwIfAborted();
      const reason = limit.aborted ? `it took longer than ${timeoutMs} ms` : errorMessage(error);
      return { kind: "skipped", reason };
    }
  });
  return await Promise.all(outcomes);
}

/**
 * {@link refreshCatalogue} for each destination where WAL that was archived just now asks for it, or where it could not be
 * done the last time: on a busy machine it takes several attempts, and the names of relations must not wait for the next
 * DDL.
 *
 * @param request.changed whether that WAL made or dropped relations.
 * @returns what became of those that were due.
 * @throws {HindsightError} what the store throws; the reason of the context's signal.
 */
export async function refreshCatalogueIfDue(
  request: CatalogueRefreshRequest & { readonly changed: boolean },
  context: Context,
): Promise<readonly CatalogueRefresh[]> {
  const due: { readonly destination: CatalogueDestination; readonly isRetry: boolean }[] = [];
  for (const destination of request.destinations) {
    const triedAt = await lastTry(destination, context);
    const pausedUntil = triedAt?.add({ milliseconds: RETRY_PAUSE_MS });
    const isPaused = !pausedUntil || Temporal.Instant.compare(context.clock.now(), pausedUntil) < 0;
    if (request.changed || !isPaused) due.push({ destination, isRetry: triedAt !== undefined });
  }
  if (due.length === 0) return [];
  const destinations = due.map(({ destination }) => destination);
  const refreshes = await refreshCatalogue({ ...request, destinations }, context);
  for (const [index, { destination, isRetry }] of due.entries()) {
    const { repository, stanza } = destination;
    if (refreshes[index]?.kind === "skipped") await wantCatalogue(repository, stanza, context);
    else if (isRetry) await forgetCatalogueWanted(repository, stanza, context);
  }
  return refreshes;
}

/** A note that cannot be read is as good as an old one. */
async function lastTry(
  { repository, stanza }: CatalogueDestination,
  context: Context,
): Promise<Temporal.Instant | undefined> {
  try {
    return await catalogueWantedSince(repository, stanza, context);
  } catch (error) {
    if (!isFailure(error, "OBJECT_CORRUPT")) throw error;
    return Temporal.Instant.fromEpochMilliseconds(0);
  }
}

async function readSnapshot(
  findServer: CatalogueRefreshRequest["findServer"],
  context: Context,
): Promise<CatalogueSnapshot> {
  const settings = await findServer();
  // Loaded only here: most segments need no snapshot, and PostgreSQL's driver is not loaded for them.
  const { readCatalogue } = await import("../postgres/catalogue.ts");
  return await readCatalogue(settings, context);
}

async function store(
  snapshot: CatalogueSnapshot,
  { repository, stanza }: CatalogueDestination,
  context: Context,
): Promise<CatalogueRefresh> {
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
