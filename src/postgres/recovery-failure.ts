// Why a recovery failed, in plain words: what happened, what is safe, what to do next. PostgreSQL's own words are always
// in the context, and where nothing better is known they are the message.
//
// A failed recovery changes nothing but the restored directory. The backup, the archive and the other clusters are as
// they were; every hint may rely on that.
import type { HindsightError } from "../base/errors.ts";
import { type FailureCode, failure, FAILURES } from "../model/failure.ts";
import { formatInZone } from "../model/timestamp.ts";
import { collectEvidence, type RecoveryEvidence } from "./recovery-evidence.ts";

interface Explanation {
  readonly code: FailureCode;
  readonly message: string;
  readonly hint: string;
}

/** A rule explains when its pattern matches the fatal message and `explain` finds the evidence sufficient. */
type Rule = readonly [
  pattern: RegExp,
  explain: (parts: readonly string[], evidence: RecoveryEvidence) => Explanation | undefined,
];

/**
 * Explains why a server did not finish its recovery.
 *
 * @param lines the server's log of this start, from its first line.
 * @returns an error to be thrown. Its context has PostgreSQL's own message (`postgres`), its details (`detail`), and
 *   for `RECOVERY_SETTING_TOO_LOW` the setting (`setting`) and the value it needs (`required`).
 * @source PostgreSQL 14–18 src/backend/access/transam/{xlogrecovery,xlog,xlogarchive,timeline}.c,
 *   src/backend/postmaster/postmaster.c, src/backend/utils/init/miscinit.c: the texts differ by major version only in
 *   quotes and in added positions
 */
export function explainRecoveryFailure(lines: readonly string[]): HindsightError {
  const evidence = collectEvidence(lines);
  const words = evidence.fatal?.message ?? evidence.said.at(-1) ?? "";
  const explanation = explain(words, evidence) ?? explainUnknown(evidence);
  const setting = /^(\w+) = (\d+) is a lower setting .* value was (\d+)\.$/.exec(
    evidence.details.join(" "),
  );
  return failure(explanation.code, explanation.message, {
    hint: explanation.hint,
    context: {
      postgres: evidence.fatal && `${evidence.fatal.severity}: ${evidence.fatal.message}`,
      detail: evidence.details.length > 0 ? evidence.details.join(" ") : undefined,
      ...(setting && { setting: setting[1], required: Number(setting[3]) }),
    },
  });
}

function explain(words: string, evidence: RecoveryEvidence): Explanation | undefined {
  for (const [pattern, rule] of RULES) {
    const parts = pattern.exec(words);
    const explanation =
      parts &&
      rule(
        parts.slice(1).map((part) => part ?? ""),
        evidence,
      );
    if (explanation) return explanation;
  }
  return undefined;
}

function explainUnknown(evidence: RecoveryEvidence): Explanation {
  const quote = evidence.fatal
    ? [evidence.fatal.message, ...evidence.details].join(": ")
    : evidence.said.join(" ");
  return {
    code: "RECOVERY_FAILED",
    message:
      quote === ""
        ? "PostgreSQL ended during recovery without saying why"
        : `PostgreSQL ended during recovery and said: ${quote}`,
    hint: "Backup and archive are unchanged; the server's log has the whole story.",
  };
}

const RULES: readonly Rule[] = [
  [
    /^recovery ended before configured recovery target was reached$/,
    (_parts, evidence) =>
      evidence.walDamage === undefined ? explainMissedTarget(evidence) : explainDamage(evidence),
  ],
  [
    /^requested recovery stop point is before consistent recovery point$/,
    (_parts, evidence) => ({
      code: "TARGET_UNREACHABLE",
      message: `${theTarget(evidence)} lies before the end of the backup it was recovered from`,
      hint: "Nothing is lost: restore from an older backup; without --set, Hindsight picks one that ends before the target.",
    }),
  ],
  [
    /^requested timeline (\d+) (?:is not a child of this server's history|does not contain minimum recovery point .*)$/,
    ([id], evidence) => ({
      code: "TIMELINE_UNREACHABLE",
      message: `the backup does not lie on the path of timeline ${id}${because(evidence)}`,
      hint: "Choose the branch with --target-timeline, or a backup of that branch with --set; `hindsight info` lists both.",
    }),
  ],
  [
    /^recovery target timeline (\d+) does not exist$/,
    ([id]) => ({
      code: "TIMELINE_UNREACHABLE",
      message: `the archive has no history file of timeline ${id}`,
      hint: "Choose another --target-timeline; history files in the archive say which exist.",
    }),
  ],
  [
    /^could not restore file "(\d{8}|[0-9A-F]{8})\.history" from archive: /,
    ([id = ""], evidence) =>
      evidence.redoDone || evidence.stop ? explainStoppedPromotion(id, evidence) : undefined,
  ],
  [
    /^could not restore file "([^"]+)" from archive: (.+)$/,
    ([name = "", reason = ""], evidence) => explainArchiveFailure(name, reason, evidence),
  ],
  [
    /^archive file "([^"]+)" has wrong size: (\d+) instead of (\d+)$/,
    ([name, actual, expected]) => ({
      code: "RECOVERY_WAL_DAMAGED",
      message: `WAL segment ${name} arrived with ${actual} bytes instead of ${expected}`,
      hint: "Nothing was replayed from it: put back a good copy of that segment, or restore to a target before it.",
    }),
  ],
  [
    /^recovery aborted because of insufficient parameter settings$/,
    (_parts, evidence) => ({
      code: "RECOVERY_SETTING_TOO_LOW",
      message: `a setting is lower than it was on the primary${because(evidence)}`,
      hint: "The directory is intact: start again with the higher value, for example --recovery-option=max_connections=200.",
    }),
  ],
  [
    /^WAL was generated with "?wal_level=minimal"?, cannot continue recovering$/,
    () => ({
      code: "RECOVERY_WAL_DAMAGED",
      message:
        "the server ran with wal_level=minimal for a while, and WAL of that time cannot be replayed",
      hint: "Restore to a target before that time, or from a backup taken after it.",
    }),
  ],
  [
    /^(?:invalid data in file "?backup_label"?|backup_label contains data inconsistent with control file|could not (?:open|read) file "backup_label".*|invalid checkpoint link in backup_label file)$/,
    (_parts, evidence) => ({
      code: "RECOVERY_FAILED",
      message: `backup_label and the restored files do not belong together (${quoted(evidence)})`,
      hint: "Do not start this directory: restore it again; without its own backup_label the result would be silently corrupt.",
    }),
  ],
  [
    /^could not (?:locate required checkpoint record|find redo location referenced by checkpoint record|find redo location \S+ referenced.*)(?: at (\S+))?$/,
    ([at], evidence) => ({
      code: "RECOVERY_WAL_DAMAGED",
      message: `the WAL at which the backup begins could not be read${at ? ` (${at})` : ""}${saying(evidence)}`,
      hint: "Keep backup_label where it is: the archive must have the backup's first segment, which `hindsight show-backup` names; else choose another backup with --set.",
    }),
  ],
  [
    /^could not locate a valid checkpoint record(?: at (\S+))?$/,
    ([at], evidence) => ({
      code: "RECOVERY_FAILED",
      message: `the directory has no backup_label, and the checkpoint its control file names is not in WAL${at ? ` (${at})` : ""}${saying(evidence)}`,
      hint: "The directory was not restored completely: restore it again.",
    }),
  ],
  [
    /^database system identifier differs/,
    (_parts, evidence) => ({
      code: "CLUSTER_MISMATCH",
      message: `the directory and the server it follows are different clusters${because(evidence)}`,
      hint: "Check the stanza and primary_conninfo.",
    }),
  ],
  [
    /^WAL contains references to invalid pages$|^invalid page in block (\d+) of relation "?([^"]+)"?$/,
    ([block, relation]) => ({
      code: "RECOVERY_FAILED",
      message: relation
        ? `block ${block} of ${relation} is damaged in the restored directory`
        : "WAL changes pages that the restored directory does not have",
      hint: "Restore again, from another backup if it repeats; do not set ignore_invalid_pages, it hides lost data.",
    }),
  ],
  [
    /^must specify "?restore_command"? when standby mode is not enabled$/,
    () => ({
      code: "RECOVERY_FAILED",
      message: "the directory asks for recovery but has no restore_command",
      hint: "Restore it with Hindsight, which writes one, or add restore_command to postgresql.auto.conf.",
    }),
  ],
  [
    /^multiple recovery targets specified$/,
    () => ({
      code: "RECOVERY_FAILED",
      message: "postgresql.auto.conf or a configuration file sets more than one recovery target",
      hint: "Keep one recovery_target setting; a restore by Hindsight clears inherited ones.",
    }),
  ],
  [
    /^configuration file "([^"]+)" contains errors$/,
    ([file], evidence) => ({
      code: "POSTGRES_START_FAILED",
      message: `${file} has settings that PostgreSQL does not accept: ${evidence.settingErrors.join("; ") || "see the log"}`,
      hint: "Correct the file; the data is intact and the server can be started again.",
    }),
  ],
  [
    /^lock file "([^"]*\.s\.PGSQL\.(\d+)\.lock)" already exists$/,
    ([, port]) => portInUse(port ?? "?"),
  ],
  [/^could not create any (?:TCP\/IP|Unix-domain) sockets$/, () => portInUse("of this server")],
  [
    /^lock file "postmaster\.pid" already exists$/,
    () => ({
      code: "DESTINATION_RUNNING",
      message: "PostgreSQL says that a server already runs in the restored directory",
      hint: "Stop that server first; nothing was changed.",
    }),
  ],
  [
    /^could not create lock file "([^"]+)": (.+)$/,
    ([file, reason]) => ({
      code: "POSTGRES_START_FAILED",
      message: `the server cannot create ${file}: ${reason}`,
      hint: "Its directory must exist and belong to the server's user, and the disk must not be full.",
    }),
  ],
  [
    /^could not (?:map anonymous shared memory|create shared memory segment|create semaphores|resize shared memory segment .*|open shared memory segment .*): (.+)$/,
    ([reason]) => ({
      code: "POSTGRES_START_FAILED",
      message: `the machine has too little shared memory for this server: ${reason}`,
      hint: "Lower max_connections or shared_buffers with --recovery-option, or free memory; the data is intact.",
    }),
  ],
  [
    /^data directory "([^"]+)" has (?:invalid permissions|wrong ownership)$|^could not (?:read permissions of|access) directory "([^"]+)".*$/,
    ([first, second], evidence) => ({
      code: "POSTGRES_START_FAILED",
      message: `PostgreSQL does not accept the directory ${first || second}${because(evidence)}`,
      hint: "It must belong to the user that runs the server, with mode 0700 or 0750.",
    }),
  ],
  [
    /^could not (?:access file|load library) "([^"]+)"(.*)$/,
    ([library, reason]) => ({
      code: "POSTGRES_START_FAILED",
      message: `the library ${library} is not installed here${reason}`,
      hint: "Install the extension's package for this major version, or take it out of shared_preload_libraries if redo does not need it.",
    }),
  ],
  [
    /^resource manager with ID (\d+) not registered$/,
    ([id]) => ({
      code: "RECOVERY_FAILED",
      message: `WAL was written by an extension's own resource manager (${id}) that is not loaded`,
      hint: "Start again with --recovery-option=shared_preload_libraries= and the extension's library.",
    }),
  ],
  [
    /^database files are incompatible with (?:server|operating system)$|^could not find a locale|^database locale is incompatible|^collation/,
    (_parts, evidence) => ({
      code: "POSTGRES_START_FAILED",
      message: `these PostgreSQL programs or this system do not fit the restored files${because(evidence)}`,
      hint: "Use programs of the same major version and build (pg1-bin-path) on a system with the same locales.",
    }),
  ],
  [
    /^incorrect checksum in control file$|^could not (?:open|read) file "[^"]*global\/pg_control".*$|^but could not open file "[^"]*global\/pg_control": .*$/,
    () => ({
      code: "CONTROL_FILE_INVALID",
      message: "the restored directory has no usable global/pg_control",
      hint: "It is written last, so the restore did not finish: run it again.",
    }),
  ],
  [
    /^startup process \(PID \d+\) was terminated by signal 9/,
    () => ({
      code: "RECOVERY_FAILED",
      message: "the process that replays WAL was killed, as the kernel does when memory runs out",
      hint: "Free memory or lower shared_buffers and max_connections; the directory is intact and recovery goes on from where it was.",
    }),
  ],
  [
    /No space left on device|Disk quota exceeded/,
    (_parts, evidence) => ({
      code: "DESTINATION_FULL",
      message: `the disk filled up during recovery (${quoted(evidence)})`,
      hint: "Make room and start the server again: recovery goes on from where it was.",
    }),
  ],
  [
    /execution of the PostgreSQL server is not permitted/,
    () => ({
      code: "POSTGRES_START_FAILED",
      message: "PostgreSQL does not run as root",
      hint: "Give the restored directory to the user of PostgreSQL.",
    }),
  ],
];

function explainMissedTarget(evidence: RecoveryEvidence): Explanation {
  const last = evidence.lastTransaction
    ? `its last transaction ended at ${formatInZone(evidence.lastTransaction, "UTC")}`
    : "it holds no transaction after the backup";
  return {
    code: "RECOVERY_TARGET_MISSED",
    message: `the archive ends before ${theTarget(evidence)}: ${last}`,
    hint: "PostgreSQL refused to promote with less: archive the missing WAL and start again, or choose an earlier target.",
  };
}

function explainDamage(evidence: RecoveryEvidence): Explanation {
  return {
    code: "RECOVERY_WAL_DAMAGED",
    message: `WAL could not be read up to ${theTarget(evidence)}: ${evidence.walDamage}`,
    hint: "The damage is in the WAL as it was archived: restore to a target before it, or check for another copy of that segment.",
  };
}

/** The interlock at work: only a server that leaves recovery asks for a younger timeline's history. */
function explainStoppedPromotion(id: string, evidence: RecoveryEvidence): Explanation {
  const reached = evidence.stop !== undefined;
  return {
    code: "RECOVERY_PROMOTION_REFUSED",
    message: `PostgreSQL ${reached ? "reached the target but could not pause there" : "came to the end of WAL"} and was about to begin timeline ${Number.parseInt(id, 16)}; it was stopped before it changed anything`,
    hint: reached
      ? "A transaction with very many subtransactions kept hot standby from starting: choose a later target, or --target-action=shutdown."
      : "The directory can be started again with a target that lies in the archived WAL.",
  };
}

function explainArchiveFailure(
  name: string,
  reason: string,
  evidence: RecoveryEvidence,
): Explanation {
  if (reason === "command not found" || reason.endsWith("exit code 126")) {
    return {
      code: "RECOVERY_ARCHIVE_FAILED",
      message: `restore_command could not be run for ${name}: ${evidence.said.at(-1) ?? reason}`,
      hint: "Its program must be installed and executable for the server's user; recovery then goes on from where it was.",
    };
  }
  return {
    code: codeIn(evidence.said) ?? "RECOVERY_ARCHIVE_FAILED",
    message: `${name} could not be fetched from the archive (${reason})${saying(evidence)}`,
    hint: "PostgreSQL stopped rather than promote with less data: repair the cause and start the server again, recovery goes on from where it was.",
  };
}

/** Hindsight's own commands end their message with its code in brackets, so that this explanation can keep it. */
function codeIn(said: readonly string[]): FailureCode | undefined {
  const [, word] = /^error: .* \[([A-Z_]+)\]$/m.exec(said.join("\n")) ?? [];
  const known = (text: string): text is FailureCode => Object.hasOwn(FAILURES, text);
  return word !== undefined && known(word) ? word : undefined;
}

function portInUse(port: string): Explanation {
  return {
    code: "POSTGRES_START_FAILED",
    message: `port ${port} is in use by another server`,
    hint: "Choose another with --port; nothing was changed.",
  };
}

function theTarget(evidence: RecoveryEvidence): string {
  return evidence.target === undefined ? "the target" : `the target (${evidence.target})`;
}

function because(evidence: RecoveryEvidence): string {
  return evidence.details.length > 0 ? `: ${evidence.details.join(" ").replace(/\.$/, "")}` : "";
}

/** Of what Hindsight itself printed, the error; of other programs, everything. */
function saying({ said }: RecoveryEvidence): string {
  const [, error] = /^error: (.*?)(?: \[[A-Z_]+\])?$/m.exec(said.join("\n")) ?? [];
  if (error !== undefined) return `: ${error}`;
  return said.length > 0 ? `: ${said.join(" ")}` : "";
}

function quoted(evidence: RecoveryEvidence): string {
  return evidence.fatal?.message ?? "";
}
