// The part of a plan that says what is restored and how far it is recovered: timeline, backup, target and WAL. Where to is
// none of its business; it is also asked by those who restore nothing and only want to know (`hindsight target`).
import type { Context } from "../base/context.ts";
import type { BackupLabel } from "../model/backup-label.ts";
import type {
  RecoveryTarget,
  RestoreType,
  TargetAction,
  TimelineChoice,
} from "../model/recovery-target.ts";
import type { StanzaName } from "../model/stanza.ts";
import type { TimelineHistory } from "../model/timeline.ts";
import type { ManifestHeader } from "../repository/manifest.ts";
import type { Repository } from "../repository/repository.ts";
import type { StanzaRecord } from "../repository/stanza.ts";
import type { WalArchive } from "../repository/wal-archive.ts";
import { backupCandidates, type Candidates } from "./candidates.ts";
import { chooseBackup, type TargetAnswer, type TargetResolver } from "./choose-backup.ts";
import { planWal, type WalPlan, type WalReach } from "./wal-path.ts";

/** What a route is asked for with. */
export interface RouteRequest {
  readonly repository: Repository;
  readonly stanza: StanzaName;
  readonly record: StanzaRecord;
  readonly type: RestoreType;
  readonly target: RecoveryTarget;
  readonly targetAction: TargetAction;
  /** Undefined: `current` for type immediate, else `latest`. */
  readonly timeline: TimelineChoice | undefined;
  /** The backup to restore; undefined to choose by the target. */
  readonly set: BackupLabel | undefined;
  /** Whether recovery must not go behind what is archived now, also without a target. */
  readonly pinsEnd?: boolean | undefined;
  /** Finds the target in WAL. Without it headers alone decide, and PostgreSQL says whether the target exists. */
  readonly resolve: TargetResolver | undefined;
}

/** What is restored and how far it is recovered. */
export interface Route {
  readonly backup: ManifestHeader;
  /** Why this backup, as a clause. */
  readonly why: string;
  /** The path of the pinned timeline. */
  readonly history: TimelineHistory;
  /** The target as it was asked for. */
  readonly target: RecoveryTarget;
  /** The target as PostgreSQL is told. */
  readonly compiled: RecoveryTarget;
  readonly answer: TargetAnswer | undefined;
  /** Undefined for type none, which recovers nothing. */
  readonly wal: WalPlan | undefined;
}

/** What a route is made of. */
interface RouteFacts {
  readonly archive: WalArchive;
  readonly found: Candidates;
  readonly answer: TargetAnswer | undefined;
}

/**
 * Plans a route. Nothing is written.
 *
 * @throws {HindsightError} 29 when the target cannot be reached (`BACKUP_NONE`, `TARGET_UNREACHABLE`,
 *   `TIMELINE_UNREACHABLE`, `TARGET_INVALID`), 31 when WAL is missing (`WAL_SEGMENT_MISSING`), and what reading the
 *   repository throws.
 */
export async function planRoute(request: RouteRequest, context: Context): Promise<Route> {
  const { repository, stanza, record, set } = request;
  const archive: WalArchive = { repository, stanza, record };
  const choice = request.timeline ?? (request.type === "immediate" ? "current" : "latest");
  const found = await backupCandidates(archive, { choice, set }, context);
  const answer = await resolveTarget(request, { archive, found }, context);
  const route = await routeTo(request, { archive, found, answer }, context);
  const leftAt = isToEnd(request) && !answer ? route.wal?.leftAt : undefined;
  if (leftAt === undefined) return route;
  const { history, candidates } = found;
  const question = { archive, target: request.target, history, candidates };
  const end = await request.resolve?.(question, context);
  if (end) return routeTo(request, { archive, found, answer: end }, context);
  const target = { kind: "lsn", lsn: leftAt, exclusive: true } as const;
  return { ...route, target, compiled: target };
}

async function routeTo(
  request: RouteRequest,
  { archive, found, answer }: RouteFacts,
  context: Context,
): Promise<Route> {
  const timeZone = found.candidates.at(-1)?.settings["TimeZone"] ?? "UTC";
  const { backup, why } = chooseBackup(request.target, found.candidates, {
    answer,
    isNamed: request.set !== undefined,
    timeZone,
  });
  const question = {
    history: found.history,
    startLsn: backup.startLsn,
    stopLsn: backup.stopLsn,
    reach: reachOf(request, answer),
  };
  const target = statedTarget(request, answer);
  return {
    backup,
    why,
    history: found.history,
    target,
    compiled: answer?.compiled ?? target,
    answer,
    wal: request.type === "none" ? undefined : await planWal(archive, question, context),
  };
}

/** Whether recovery is to go as far as the archive does. */
export function isToEnd({ type, target }: Pick<RouteRequest, "type" | "target">): boolean {
  return type === "default" && target.kind === "default";
}

/** Whether recovery is to end where the archive does now and nowhere else, which PostgreSQL only does at a target. */
function staysAtEnd(request: RouteRequest): boolean {
  return isToEnd(request) && (request.targetAction !== "promote" || request.pinsEnd === true);
}

/**
 * Without a target PostgreSQL replays all it gets, and promotes: "stay at the end", or "end where the timeline was left",
 * is said as the last record. Only then the end of the archive has an answer.
 */
function statedTarget(request: RouteRequest, answer: TargetAnswer | undefined): RecoveryTarget {
  if (!answer || !isToEnd(request)) return request.target;
  return { kind: "lsn", lsn: answer.stopLsn, exclusive: false };
}

/** Without a target there is nothing to look for. */
async function resolveTarget(
  request: RouteRequest,
  { archive, found }: { archive: WalArchive; found: Candidates },
  context: Context,
): Promise<TargetAnswer | undefined> {
  const { resolve, target } = request;
  if (!resolve) return undefined;
  if (target.kind === "default" && !staysAtEnd(request)) return undefined;
  const { history, candidates } = found;
  return resolve({ archive, target, history, candidates }, context);
}

function reachOf({ type, target }: RouteRequest, answer: TargetAnswer | undefined): WalReach {
  if (type === "preserve" || target.kind === "immediate") return { kind: "backup" };
  if (answer) return { kind: "segment", name: answer.lastSegment };
  if (target.kind === "lsn") return { kind: "position", lsn: target.lsn };
  return { kind: target.kind === "default" && type !== "standby" ? "end" : "some" };
}
