// The library's public face: what the command line is made of, for programs that embed Hindsight. Everything takes a
// Context (clock, randomness, log, signal), throws HindsightError for what the world does, and prints nothing.

// errors, context
export { type Clock, systemClock } from "./base/clock.ts";
export { type Context, createContext } from "./base/context.ts";
export { HindsightError } from "./base/errors.ts";
export { createLog, type Log, type LogLevel, type LogSink } from "./base/log.ts";
export { Secret, SecretBytes } from "./base/secret.ts";
export { EXIT, type FailureCode, FAILURES, isFailure } from "./model/failure.ts";
export { HINDSIGHT_VERSION } from "./model/version.ts";

// nouns
export { type BackupLabel, type BackupType, parseBackupLabel } from "./model/backup-label.ts";
export { formatLsn, type Lsn, parseLsn } from "./model/lsn.ts";
export type {
  RecoveryTarget,
  RestoreType,
  TargetAction,
  TimelineChoice,
} from "./model/recovery-target.ts";
export { type StanzaName, stanzaName } from "./model/stanza.ts";
export { timeline, type Timeline } from "./model/timeline.ts";
export { formatInstant, parseInstant, parseTimeTarget } from "./model/timestamp.ts";

// repository
export type { ObjectStore } from "./storage/object-store.ts";
export { openStore, type StoreSettings } from "./storage/open-store.ts";
export { createRepository, openRepository, type Repository } from "./repository/repository.ts";
export {
  createAccess,
  type RepositoryAccess,
  type RepositorySecret,
} from "./repository/root-key.ts";
export { createStanza, listStanzas, readStanza, type StanzaRecord } from "./repository/stanza.ts";
export { listBackups } from "./repository/backup-set.ts";
export { type ManifestHeader, readManifestHeader } from "./repository/manifest.ts";
export type { WalArchive } from "./repository/wal-archive.ts";

// archive, backup, restore, recovery
export { pushWalFile } from "./archive/push.ts";
export { type GetAnswer, getWalFileTo } from "./archive/get.ts";
export { type BackupRequest, type BackupResult, runBackup } from "./backup/backup.ts";
export { performRestore, type RestoreResult } from "./restore/perform.ts";
export { planRestore, type RestorePlan, type RestoreRequest } from "./restore/plan.ts";
export { runAttempt } from "./recovery/attempt.ts";
export type { AttemptRequest, AttemptResult } from "./recovery/attempt-request.ts";
export { type ResolvedTarget, resolveTarget } from "./recovery/target.ts";
