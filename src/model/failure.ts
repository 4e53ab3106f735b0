// The table of everything that can go wrong and how the process then ends, and the one way to build such an error.
// docs/errors.md is generated from this table (scripts/generate-docs.ts).
import { type ErrorDetails, HindsightError } from "../base/errors.ts";

/** Exit statuses of the command; see docs/cli.md. */
export const EXIT = {
  done: 0,
  ourFault: 1,
  usage: 2,
  postgresUnreachable: 10,
  postgresState: 11,
  repositoryUnreachable: 20,
  repositoryDenied: 21,
  integrity: 22,
  wrongCluster: 23,
  walDuplicate: 24,
  key: 26,
  lock: 27,
  stopped: 28,
  targetImpossible: 29,
  destinationUnsafe: 30,
  walGap: 31,
  donePageErrors: 32,
  checkFailed: 33,
} as const;

/** Every code. Keep each area together and sorted. */
export const FAILURES = {
  // command line and configuration
  CONFIG_FILE_INVALID: {
    exit: 2,
    means: "The configuration file cannot be read as ini, or its permissions expose a secret.",
  },
  CONFIG_FILE_MISSING: { exit: 2, means: "The configuration file that was named does not exist." },
  CONFIG_OPTION_INVALID: { exit: 2, means: "An option has a value that it does not accept." },
  CONFIG_OPTION_MISSING: { exit: 2, means: "A command needs an option that was not given." },
  CONFIG_OPTION_SECRET: {
    exit: 2,
    means: "A secret was given on the command line, where every user of the machine can read it.",
  },
  CONFIG_OPTION_UNKNOWN: { exit: 2, means: "An option or key does not exist." },
  CONFIG_OPTION_UNSUPPORTED: {
    exit: 2,
    means: "An option asks for something that does not exist yet or never will.",
  },
  COMMAND_ARGUMENT_INVALID: {
    exit: 2,
    means: "A command got too many, too few or malformed arguments.",
  },
  COMMAND_UNKNOWN: { exit: 2, means: "There is no such command." },
  COMMAND_USER_ROOT: { exit: 2, means: "A command that writes the repository was run as root." },
  STANZA_NAME_INVALID: {
    exit: 2,
    means: "A stanza name has characters that are not allowed, or none.",
  },
  STANZA_UNKNOWN: {
    exit: 2,
    means: "The repository or the configuration has no stanza of that name.",
  },
  // nouns that failed to parse
  LSN_INVALID: { exit: 2, means: "A text is not an LSN such as 0/15000028." },
  TIMELINE_INVALID: { exit: 2, means: "A number is not a timeline between 1 and 4294967295." },
  XID_INVALID: { exit: 2, means: "A text is not a transaction id." },
  TIMESTAMP_INVALID: {
    exit: 2,
    means: "A text is not a time that PostgreSQL and Hindsight read alike.",
  },
  BACKUP_LABEL_INVALID: {
    exit: 2,
    means: "A text is not a backup label such as 20261121-024000F.",
  },
  RELATION_AMBIGUOUS: { exit: 2, means: "A name fits tables of several schemas or databases." },
  RELATION_INVALID: { exit: 2, means: "A text is not the name of a table." },
  RELATION_UNKNOWN: { exit: 2, means: "No table of that name is in any catalogue of the archive." },
  BACKUP_UNKNOWN: { exit: 2, means: "There is no complete backup with that label." },
  // PostgreSQL
  POSTGRES_CONNECTION_FAILED: { exit: 10, means: "No connection to PostgreSQL could be made." },
  POSTGRES_CONNECTION_LOST: {
    exit: 10,
    means: "The connection to PostgreSQL ended in the middle of the work.",
  },
  POSTGRES_QUERY_FAILED: { exit: 11, means: "PostgreSQL refused a statement." },
  POSTGRES_STATE_WRONG: {
    exit: 11,
    means: "PostgreSQL runs, but not in the state that the command needs.",
  },
  POSTGRES_SETTING_WRONG: { exit: 11, means: "A PostgreSQL setting makes the command impossible." },
  POSTGRES_BINARIES_MISSING: {
    exit: 2,
    means: "PostgreSQL's programs of the right major version were not found.",
  },
  POSTGRES_START_FAILED: { exit: 11, means: "PostgreSQL did not start." },
  POSTGRES_VERSION_UNSUPPORTED: { exit: 23, means: "The PostgreSQL version is outside 14 to 18." },
  CLUSTER_MISMATCH: {
    exit: 23,
    means: "The server, the data directory and the stanza are not the same cluster.",
  },
  CONTROL_FILE_INVALID: {
    exit: 22,
    means: "global/pg_control is damaged or of an unknown layout.",
  },
  DATA_DIRECTORY_INVALID: {
    exit: 11,
    means:
      "A directory is not a PostgreSQL data directory, or holds something that cannot be backed up.",
  },
  DATA_FILE_UNREADABLE: { exit: 11, means: "A file of the data directory could not be read." },
  // repository
  REPOSITORY_UNREACHABLE: { exit: 20, means: "The repository cannot be reached." },
  REPOSITORY_DENIED: { exit: 21, means: "The repository is read-only, full, or refuses access." },
  REPOSITORY_MISSING: { exit: 20, means: "The place of the repository holds no repository." },
  REPOSITORY_FOREIGN: {
    exit: 30,
    means: "The place of the repository holds something that is not ours.",
  },
  REPOSITORY_NOT_ENCRYPTED: {
    exit: 2,
    means: "The configuration names a cipher, but the repository is not encrypted.",
  },
  REPOSITORY_FORMAT_UNKNOWN: {
    exit: 23,
    means: "The repository or an object was written by a newer release.",
  },
  OBJECT_CORRUPT: { exit: 22, means: "A stored object does not match its checksum or its form." },
  OBJECT_MISSING: { exit: 22, means: "A stored object that another one names is not there." },
  OBJECT_EXISTS: { exit: 27, means: "An object that must be created new exists already." },
  OBJECT_KEY_INVALID: { exit: 1, means: "An object key is malformed." },
  KEY_IN_USE: {
    exit: 26,
    means: "The key slot to be removed is the one that opened the repository.",
  },
  KEY_MISSING: { exit: 26, means: "The repository is encrypted, and no key is configured." },
  KEY_SLOTS_FULL: { exit: 2, means: "The repository has as many key slots as it may have." },
  KEY_SLOT_UNKNOWN: { exit: 2, means: "The repository has no key slot of that name." },
  KEY_UNAVAILABLE: {
    exit: 26,
    means: "The configured passphrase or key file cannot be read, or others can read it, too.",
  },
  KEY_WRONG: { exit: 26, means: "The passphrase or key does not open the repository." },
  LOCK_HELD: { exit: 27, means: "Another process works on the same stanza." },
  STOPPED: { exit: 28, means: "Work on the stanza was stopped by an operator." },
  INTERRUPTED: { exit: 28, means: "The command was interrupted and cleaned up after itself." },
  // WAL
  WAL_SEGMENT_NAME_INVALID: { exit: 2, means: "A file name is not one that PostgreSQL archives." },
  WAL_SEGMENT_INVALID: { exit: 22, means: "A WAL segment is not what its name says." },
  WAL_SEGMENT_FOREIGN: {
    exit: 23,
    means: "A WAL segment belongs to another cluster, version or segment size.",
  },
  WAL_SEGMENT_UNREADABLE: { exit: 11, means: "The WAL segment to archive could not be read." },
  WAL_SEGMENT_MISSING: { exit: 31, means: "A WAL segment that is needed is not in the archive." },
  WAL_DUPLICATE_DIFFERS: {
    exit: 24,
    means: "The archive holds a file of that name with other content.",
  },
  WAL_RECORD_INVALID: { exit: 22, means: "A WAL record is damaged." },
  WAL_INDEX_TOO_LARGE: {
    exit: 22,
    means: "A WAL segment touches more relations, or has more facts, than an index holds.",
  },
  WAL_ARCHIVE_TIMEOUT: { exit: 31, means: "A WAL segment did not arrive in the archive in time." },
  HISTORY_INVALID: { exit: 22, means: "A timeline history file cannot be understood." },
  // backup
  BACKUP_NONE: { exit: 29, means: "There is no backup to restore from." },
  BACKUP_ABORTED: {
    exit: 11,
    means: "The backup cannot be used because the cluster changed under it.",
  },
  BACKUP_REVOKED: {
    exit: 27,
    means: "The backup was revoked by another process before it was committed.",
  },
  // restore and recovery
  TARGET_INVALID: { exit: 29, means: "The recovery target does not exist or has two meanings." },
  TARGET_UNREACHABLE: { exit: 29, means: "The recovery target cannot be reached from any backup." },
  TIMELINE_UNREACHABLE: { exit: 29, means: "The backup is not on the path of the timeline." },
  DESTINATION_UNSAFE: {
    exit: 30,
    means: "The place to restore to holds something that must not be overwritten.",
  },
  DESTINATION_RUNNING: { exit: 30, means: "PostgreSQL runs in the place to restore to." },
  DESTINATION_FULL: { exit: 30, means: "The place to restore to has too little space." },
  DESTINATION_DENIED: { exit: 30, means: "The place to restore to cannot be written." },
  RECOVERY_ARCHIVE_FAILED: {
    exit: 20,
    means: "A WAL file could not be fetched during recovery, and PostgreSQL stopped there.",
  },
  RECOVERY_FAILED: { exit: 11, means: "PostgreSQL stopped during recovery." },
  RECOVERY_SETTING_TOO_LOW: {
    exit: 11,
    means: "A setting of the recovering server is lower than it was on the primary.",
  },
  RECOVERY_TARGET_MISSED: {
    exit: 29,
    means: "PostgreSQL reached the end of WAL before the recovery target.",
  },
  RECOVERY_PROMOTED: { exit: 11, means: "PostgreSQL left recovery although it must not." },
  RECOVERY_PROMOTION_REFUSED: {
    exit: 11,
    means: "A recovery that must not promote asked for a timeline above the pinned one.",
  },
  RECOVERY_WAL_DAMAGED: { exit: 31, means: "Recovery stopped because WAL is missing or damaged." },
  RECOVERY_TIMEOUT: { exit: 11, means: "Recovery made no progress for too long." },
  CHECK_FAILED: { exit: 33, means: "A check did not pass." },
  DEMO_COUNT_WRONG: { exit: 33, means: "A count of the demonstration is not what it must be." },
} as const;

/** A code of the table above, and with it an exit status. */
export type FailureCode = keyof typeof FAILURES;

/**
 * Builds the error of a code, to be thrown.
 *
 * @param message lower case, no final stop, names the object and both values: what it is and what it should be.
 */
export function failure(
  code: FailureCode,
  message: string,
  details: ErrorDetails = {},
): HindsightError {
  return new HindsightError(code, FAILURES[code].exit, message, details);
}

/** Whether `error` is the failure of that code. */
export function isFailure(
  error: unknown,
  ...codes: readonly FailureCode[]
): error is HindsightError {
  return error instanceof HindsightError && (codes as readonly string[]).includes(error.code);
}
