// What an attempt is given and what it answers.
import type { CommitFact } from "../restore/choose-backup.ts";
import type { RestorePlan } from "../restore/plan.ts";
import type { Lsn } from "../model/lsn.ts";
import type { Timeline } from "../model/timeline.ts";
import type { PostgresBinaries } from "../postgres/binaries.ts";
import type { RecoveryStop } from "../postgres/recovery-log.ts";
import type { RecoveryCourse } from "./recovery-course.ts";
import type { ReplayReading } from "./replay-clock.ts";

/** The part of a restore's plan that an attempt needs. */
export type AttemptPlan = Pick<
  RestorePlan,
  "type" | "target" | "targetAction" | "timeline" | "stopLsn" | "archiveMode"
> & {
  readonly backup: Pick<
    RestorePlan["backup"],
    "startLsn" | "majorVersion" | "segmentSizeBytes" | "settings"
  >;
  readonly wal: Pick<NonNullable<RestorePlan["wal"]>, "last"> | undefined;
  readonly destination: Pick<RestorePlan["destination"], "path">;
};

/** How the server of an attempt is started. */
export interface AttemptStart {
  readonly binaries: PostgresBinaries;
  /** Absolute; generated configuration, logs and, where it is short enough, the socket are written here. */
  readonly directory: string;
  /** Names the socket; no TCP port is opened. */
  readonly port: number;
  /** A superuser of the restored cluster. */
  readonly role: string;
  readonly database: string;
  /** Shown in the process list. */
  readonly clusterName: string;
  /** Settings that win over all generated ones. */
  readonly options: Readonly<Record<string, string>>;
}

/** Everything an attempt is run with. */
export interface AttemptRequest {
  /** The plan of the restore that was performed. */
  readonly plan: AttemptPlan;
  readonly start: AttemptStart;
  /** The last commit that is to be kept, where the WAL index knows it; names the last replayed transaction. */
  readonly commitBefore?: CommitFact | undefined;
  /** Default {@link NO_PROGRESS_LIMIT_MS}. */
  readonly noProgressLimitMs?: number | undefined;
  readonly onProgress?: ((progress: AttemptProgress) => void) | undefined;
}

/** Replay may stand still this long while the archive is slow or a directory of terabytes is fsynced. */
export const NO_PROGRESS_LIMIT_MS: number = 30 * 60_000;

/** How far an attempt is. */
export interface AttemptProgress {
  readonly phase: "starting" | "replaying" | "stopping";
  readonly replay: ReplayReading;
  /** The WAL segment that was fetched last. */
  readonly segment: string | undefined;
}

/** The last thing that was replayed; undefined: not known. */
export interface LastReplayed {
  /** 64 bit where the WAL index told, else the low 32 bits of the server's log. */
  readonly xid: bigint | undefined;
  /** Where the record of its end begins, where the WAL index told. */
  readonly lsn: Lsn | undefined;
  /** WAL before this position is applied. */
  readonly replayedLsn: Lsn | undefined;
  /** When the last applied transaction had ended. */
  readonly time: Temporal.Instant | undefined;
}

/** A recovery that ended as it should; one that did not is an error. */
export interface AttemptResult {
  readonly state: "paused" | "promoted" | "shutdown";
  readonly pid: number;
  readonly port: number;
  readonly socketDirectory: string;
  readonly logFile: string;
  /** The timeline that the server is on now. */
  readonly timeline: Timeline;
  /** What made recovery stop; undefined at the end of the archive. */
  readonly stop: RecoveryStop | undefined;
  readonly lastReplayed: LastReplayed;
  /** From the start of redo to the target, by the server's log, over all starts. */
  readonly replaySeconds: number;
  /** From the first start to the certain result. */
  readonly totalSeconds: number;
  /** Settings that had to be raised above the backup's, by name. */
  readonly raised: Readonly<Record<string, number>>;
  /** What the log of the last start said, for reports. */
  readonly course: RecoveryCourse;
}
