// `restore --start`: starts the restored server and drives its recovery to the end, with the replay clock.
import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import type { Context } from "../base/context.ts";
import { errorMessage } from "../base/errors.ts";
import { formatSize } from "../base/size.ts";
import type { Settings } from "../config/settings.ts";
import { failure } from "../model/failure.ts";
import { formatLsn } from "../model/lsn.ts";
import type { RestoreType } from "../model/recovery-target.ts";
import { formatInZone } from "../model/timestamp.ts";
import { findBinaries } from "../postgres/binaries.ts";
import { runAttempt } from "../recovery/attempt.ts";
import type { AttemptProgress, AttemptResult, AttemptStart } from "../recovery/attempt-request.ts";
import type { RestorePlan } from "../restore/plan.ts";
import { createProgressLine, formatBar } from "./render/progress.ts";
import { formatDuration } from "./render/units.ts";
import type { PlannedRestore } from "./restore-request.ts";

const ENDLESS_TYPES: readonly RestoreType[] = ["standby", "preserve", "none"];

/**
 * Refuses what has no end to be driven to.
 *
 * @throws {HindsightError} `CONFIG_OPTION_INVALID`
 */
export function refuseEndless(type: RestoreType): void {
  if (!ENDLESS_TYPES.includes(type)) return;
  throw failure(
    "CONFIG_OPTION_INVALID",
    `--start cannot drive a restore of type ${type} to an end`,
    {
      hint: "Leave --start out, and start PostgreSQL as usual.",
    },
  );
}

/**
 * How the server will be started; everything is looked up before a byte is restored.
 *
 * @throws {HindsightError} `POSTGRES_BINARIES_MISSING`, `DESTINATION_DENIED`
 */
export async function prepareStart(
  settings: Settings,
  plan: RestorePlan,
  context: Context,
): Promise<AttemptStart> {
  const search = {
    configured: settings.get("pg-bin-path"),
    recorded: plan.backup.binDirectory,
  };
  return {
    binaries: await findBinaries(plan.backup.majorVersion, search, context),
    directory: await serverDirectory(settings, context),
    port: settings.get("port") ?? settings.get("pg-port"),
    role: settings.get("pg-user") ?? ownRole(),
    database: settings.get("pg-database"),
    clusterName: `hindsight restore of ${plan.stanza}`,
    options: {},
  };
}

/** Recovers, and shows how far it is. */
export async function driveRecovery(
  { plan, resolved }: PlannedRestore,
  start: AttemptStart,
  context: Context,
): Promise<AttemptResult> {
  using line = createProgressLine();
  const zone = plan.backup.settings["TimeZone"] ?? "UTC";
  return await runAttempt(
    {
      plan,
      start,
      commitBefore: resolved?.commitBefore,
      onProgress: (progress) => line.show(progressText(progress, zone)),
    },
    context,
  );
}

/** `[####----] 50%  0/15000028  2025-11-19 11:49:45.1+00:00  12MB/s  4s left` */
function progressText({ phase, replay, segment }: AttemptProgress, zone: string): string {
  if (phase === "starting") return "PostgreSQL starts";
  if (phase === "stopping") return "WAL is replayed; PostgreSQL ends its recovery";
  return [
    replay.fraction === undefined ? "replaying" : formatBar(replay.fraction),
    formatLsn(replay.lsn),
    replay.time && formatInZone(replay.time, zone),
    replay.bytesPerSecond && `${formatSize(Math.round(replay.bytesPerSecond))}/s`,
    replay.remainingSeconds !== undefined && `${formatDuration(replay.remainingSeconds)} left`,
    segment,
  ]
    .filter((part) => typeof part === "string" && part !== "")
    .join("  ");
}

/** A new private directory below state-path, or in the temporary directory when nobody set one up. */
async function serverDirectory(settings: Settings, context: Context): Promise<string> {
  const base = join(settings.get("state-path"), "server");
  const prefix = `${settings.requireStanza()}-`;
  try {
    // Searchable by all: as root, the server's user must reach its own directory below.
    await mkdir(base, { recursive: true, mode: 0o711 });
    return await mkdtemp(join(base, prefix));
  } catch (cause) {
    if (settings.origin("state-path") !== "default") {
      throw failure("DESTINATION_DENIED", `cannot write below ${base}: ${errorMessage(cause)}`, {
        hint: "Let state-path name a directory that this user can write.",
        cause,
      });
    }
    context.log.detail("state-path cannot be written, using the temporary directory", {
      reason: errorMessage(cause),
    });
    return mkdtemp(join(tmpdir(), `hindsight-${prefix}`));
  }
}

/** Clusters mostly have a role of the name of the user who runs them; root never runs one. */
function ownRole(): string {
  const { uid, username } = userInfo();
  return uid === 0 ? "postgres" : username;
}
