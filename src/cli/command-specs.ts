// The commands of this release. Those that will come: planned-commands.ts.
import type { CommandSpec } from "./command-spec.ts";

const REPOSITORY = ["repo", "repo-path"] as const;
const CIPHER = [
  "repo-cipher-type",
  "repo-cipher-key-file",
  "repo-cipher-pass-file",
  "repo-cipher-pass-command",
] as const;
const CLUSTER = ["pg-path", "pg-port", "pg-socket-path", "pg-user", "pg-database"] as const;

const SETUP_COMMANDS: readonly CommandSpec[] = [
  {
    name: "stanza-create",
    summary: "set up a stanza: its place in every repository, bound to one cluster",
    details: [
      "Run it once for each cluster, before the first WAL is archived. Running it again for the same cluster changes nothing. With --no-online the server need not run: its data directory says which cluster it is.",
    ],
    forms: [[], ["STANZA"]],
    settings: [...REPOSITORY, ...CLUSTER, "allow-root"],
    examples: [
      "hindsight --stanza=main stanza-create",
      "hindsight --stanza=main --no-online stanza-create",
    ],
    exits: [10, 11, 20, 21, 23, 26, 30],
    writesRepository: true,
    load: () => import("./commands/stanza-create.ts"),
  },
  {
    name: "check",
    summary: "prove that settings, connection, repository and archiving work",
    details: [
      "Reads the server's settings, writes and reads the repository, and sends one real WAL segment through archive_command: a restore point, a segment switch, and the wait for exactly that segment. Each thing that fails is named with its fix.",
    ],
    forms: [[], ["STANZA"]],
    settings: [...REPOSITORY, ...CLUSTER, "archive-timeout", "allow-root"],
    examples: ["hindsight --stanza=main check", "hindsight --output=json check"],
    exits: [10, 11, 20, 21, 22, 23, 26, 33],
    writesRepository: true,
    load: () => import("./commands/check.ts"),
  },
];

const KEY_COMMANDS: readonly CommandSpec[] = [
  {
    name: "key",
    summary: "list, add and remove the keys of an encrypted repository",
    details: [
      "`key list` shows the key slots: each holds the repository's root key, wrapped with one passphrase or key file. `key add` makes a slot for another one, named NAME, which it takes from --new-cipher-key-file, --new-cipher-pass-file, --new-cipher-pass-command or HINDSIGHT_NEW_CIPHER_PASS. `key remove NAME` removes a slot; the one that the configuration opens the repository with stays. `key generate FILE` writes a new key file.",
      "To change a key: add the new one, put it into the configuration of every host, remove the old one. Data is not encrypted anew, so whoever had the root key itself keeps it; see docs/encryption.md.",
    ],
    forms: [["ACTION"], ["ACTION", "NAME"]],
    settings: [...REPOSITORY, ...CIPHER, "dry-run", "allow-root"],
    examples: [
      "hindsight key list",
      "hindsight key generate /etc/hindsight/repo1.key",
      "hindsight key add escrow --new-cipher-pass-file=/media/safe/escrow.pass",
      "hindsight key remove passphrase-3fa90c11",
    ],
    exits: [20, 21, 22, 26, 27],
    writesRepository: true,
    load: () => import("./commands/key.ts"),
  },
];

const ARCHIVE_COMMANDS: readonly CommandSpec[] = [
  {
    name: "archive-push",
    summary: "store a WAL file: PostgreSQL's archive_command",
    details: [
      "Set archive_command = 'hindsight --stanza=main archive-push %p'. It ends 0 only when every repository holds the file, durably. The same file again is fine; another file of the same name is refused for ever. Whatever happens, it ends with a status from 0 to 125.",
      "Then it stores an index of what the segment changed, and the names of new tables; that these fail is only a warning, see `hindsight help index`.",
    ],
    forms: [["PATH"]],
    settings: [...REPOSITORY, ...CLUSTER, "compress-type", "compress-level", "allow-root"],
    examples: ["hindsight --stanza=main archive-push pg_wal/000000010000000000000015"],
    exits: [11, 20, 21, 22, 23, 24, 26],
    writesRepository: true,
    load: () => import("./commands/archive-push.ts"),
  },
  {
    name: "archive-get",
    summary: "fetch a WAL file: PostgreSQL's restore_command",
    details: [
      "restore writes it into postgresql.auto.conf. The file is verified before PostgreSQL sees a byte of it.",
      "Its exit status is an order to PostgreSQL: 0 for success, 1 only when the file is proven absent (recovery may end there), 143 when a shutdown interrupted it, and 200 for anything else, so that an outage stops PostgreSQL and never promotes it.",
    ],
    forms: [["NAME", "FILE"]],
    settings: [...REPOSITORY],
    examples: ['hindsight --stanza=main archive-get %f "%p" --last=000000010000000000000018'],
    exits: [],
    load: () => import("./commands/archive-get.ts"),
  },
];

const BACKUP_COMMANDS: readonly CommandSpec[] = [
  {
    name: "backup",
    summary: "back up a running cluster",
    details: [
      "Copies the data directory on this machine while the server works, and is listed only when it is complete: every byte durable, every WAL segment from its start to its stop proven in the repository. An incremental backup, which is the default, stores what changed since the last backup of any type, a differential one what changed since the last full one; without a backup to build on a full one is taken.",
    ],
    forms: [[], ["STANZA"]],
    settings: [
      ...REPOSITORY,
      ...CLUSTER,
      "start-fast",
      "process-max",
      "compress-type",
      "compress-level",
      "archive-timeout",
      "incremental-trust-rmgr",
      "allow-root",
    ],
    examples: [
      "hindsight --stanza=main --type=full backup",
      "hindsight --stanza=main backup --type=incr --dry-run",
      "hindsight --stanza=main backup --start-fast --process-max=4 --annotation=reason='before upgrade'",
    ],
    exits: [10, 11, 20, 21, 23, 26, 27, 28, 31, 32],
    writesRepository: true,
    load: () => import("./commands/backup.ts"),
  },
  {
    name: "info",
    summary: "show stanzas, their backups and their WAL",
    forms: [[], ["STANZA"], ["STANZA", "SET"]],
    settings: [...REPOSITORY],
    examples: ["hindsight info", "hindsight --stanza=main info --output=json"],
    exits: [20, 21, 22, 26],
    load: () => import("./commands/info.ts"),
  },
  {
    name: "list-backups",
    summary: "list the complete backups of a stanza",
    forms: [[], ["STANZA"]],
    settings: [...REPOSITORY],
    examples: ["hindsight --stanza=main list-backups", "hindsight list-backup main"],
    exits: [20, 21, 22, 26],
    load: () => import("./commands/list-backups.ts"),
  },
  {
    name: "show-backup",
    summary: "show everything about one backup",
    forms: [["LABEL"], ["STANZA", "LABEL"]],
    settings: [...REPOSITORY],
    examples: [
      "hindsight --stanza=main show-backup latest",
      "hindsight show-backup main 20261121-024000F",
    ],
    exits: [20, 21, 22, 26],
    load: () => import("./commands/show-backup.ts"),
  },
];

const ARCHIVE_CARE_COMMANDS: readonly CommandSpec[] = [
  {
    name: "index",
    summary: "tell which archived WAL has no index, and make missing ones",
    details: [
      "archive-push stores an index beside each segment: what its transactions did, without their data. Where one is missing, whatever looks into history has to read the segment itself. Without --rebuild this only tells. With --rebuild it reads every index, replaces damaged ones and makes missing ones from the archived segments; the cluster is not needed.",
    ],
    forms: [[], ["STANZA"]],
    settings: [...REPOSITORY, "dry-run", "allow-root"],
    examples: ["hindsight --stanza=main index", "hindsight --stanza=main index --rebuild"],
    exits: [20, 21, 22, 23, 26],
    writesRepository: true,
    load: () => import("./commands/index.ts"),
  },
];

const RECOVERY_COMMANDS: readonly CommandSpec[] = [
  {
    name: "window",
    summary: "show from when to when a stanza can be recovered, and the gaps",
    details: [
      "For each timeline: the earliest instant, where the oldest backup was complete, and the latest, where the last archived transaction ended. No recovery passes a gap in WAL; behind one another backup begins another window.",
      "It reads names and the last WAL indexes before each end, so it is quick however much is archived, and it does not prove that every stored segment is whole.",
    ],
    forms: [[], ["STANZA"]],
    settings: [...REPOSITORY],
    examples: ["hindsight --stanza=main window", "hindsight window main --output=json"],
    exits: [20, 21, 22, 26],
    load: () => import("./commands/window.ts"),
  },
  {
    name: "find",
    summary: "find transactions by what they did, and the instant before each",
    details: [
      "Looks through the WAL indexes of the archive. Without options the transactions that lost most rows come first: deleted, truncated, dropped. Each one comes with the commits and restore points around it and the command that restores to the instant before.",
      "--table counts the partitions of a partitioned table as well. Times without offset are read in the cluster's time zone; a time without date is the most recent one, as --to the first one behind --from. The answer says what was searched, how far the archive goes, and what was not searched.",
    ],
    forms: [[], ["STANZA"]],
    settings: [...REPOSITORY, "target-timeline"],
    examples: [
      "hindsight --stanza=main find",
      "hindsight --stanza=main find --table=orders --operation=delete",
      "hindsight --stanza=main find --from='2025-11-19 11:00' --to=12:00 --timeline",
    ],
    exits: [20, 21, 22, 26, 29],
    load: () => import("./commands/find.ts"),
  },
  {
    name: "target",
    summary: "compile an expression to one exact recovery target",
    details: [
      "Says where a recovery to it would stop: the last commit that is kept and the first that is given up, the backup to begin from, the WAL to replay, a rough forecast, and the restore command to type next. Nothing is written.",
      "EXPRESSION is a time ('2025-11-19 11:49:45+00', '11:49 Europe/Paris', '5 minutes ago'), xid:N (that transaction is the last that is kept), before-xid:N, name:RESTORE_POINT, lsn:LSN (that record is the last that is replayed), before-lsn:LSN, latest (all that is archived) or immediate (the end of the newest backup). Quote it, so that it is one word.",
      "A target that cannot be reached ends with 29 and the nearest places on both sides that can; with --output=json they are in the result.",
    ],
    forms: [["EXPRESSION"]],
    settings: [...REPOSITORY],
    examples: [
      "hindsight --stanza=main target '2025-11-19 11:49:45+00'",
      "hindsight --stanza=main target before-xid:12345678 --list-lost",
      "hindsight --stanza=main target '5 minutes ago' --output=json",
    ],
    exits: [20, 21, 22, 26, 29],
    load: () => import("./commands/target.ts"),
  },
  {
    name: "restore",
    summary: "bring a cluster back, to the end of the archive or to an exact point",
    details: [
      "Checks everything before a byte is written: the destination, the target, the WAL from the backup to the target. It never asks a question: a destination that is not empty needs --delta or --force and is rewritten wholly from the backup.",
      "Without --start it leaves a directory that PostgreSQL recovers when it is started. With --start it starts PostgreSQL, follows the recovery to its end, and says how it ended.",
      "A time without offset is read in the cluster's time zone. --target-action is pause unless --type=default, which promotes.",
    ],
    forms: [[], ["STANZA", "SET", "DESTINATION"]],
    settings: [...REPOSITORY, "pg-path", "pg-bin-path", "delta", "process-max", "dry-run"],
    examples: [
      "hindsight --stanza=main --delta restore",
      "hindsight --stanza=main --type=time --target='2025-11-19 11:49:45+00' --target-action=promote --delta restore",
      "hindsight --stanza=main --type=xid --target=12345678 --target-exclusive --pg1-path=/mnt/side --start --port=5444 restore",
      "hindsight --stanza=main --type=name --target=before_migration --dry-run restore",
      "hindsight recover main latest /mnt/side --target-time '2025-11-17 11:29:00+00' --target-action promote",
    ],
    exits: [11, 20, 21, 22, 23, 26, 28, 29, 30, 31],
    load: () => import("./commands/restore.ts"),
  },
  {
    name: "demo",
    summary: "the disaster and its recovery, live, on an embedded PostgreSQL",
    forms: [[]],
    settings: [],
    examples: ["hindsight demo", "hindsight demo --keep"],
    exits: [33],
    load: () => import("./commands/demo.ts"),
  },
];

const OTHER_COMMANDS: readonly CommandSpec[] = [
  {
    name: "version",
    summary: "print the version",
    forms: [[]],
    settings: [],
    examples: ["hindsight version"],
    exits: [],
    load: () => import("./commands/version.ts"),
  },
  {
    name: "help",
    summary: "explain a command",
    forms: [[], ["COMMAND"]],
    settings: [],
    examples: ["hindsight help restore", "hindsight restore --help"],
    exits: [],
    load: () => import("./commands/help.ts"),
  },
];

/** Groups of commands as help lists them. */
export const COMMAND_GROUPS: readonly {
  readonly title: string;
  readonly commands: readonly CommandSpec[];
}[] = [
  { title: "Set up", commands: [...SETUP_COMMANDS, ...KEY_COMMANDS] },
  { title: "Protect", commands: [...BACKUP_COMMANDS, ...ARCHIVE_CARE_COMMANDS] },
  { title: "Recover", commands: RECOVERY_COMMANDS },
  { title: "Called by PostgreSQL", commands: ARCHIVE_COMMANDS },
  { title: "Other", commands: OTHER_COMMANDS },
];
