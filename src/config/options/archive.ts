// Options of WAL archiving.

/** Rows of the option table on the WAL archive. */
export const ARCHIVE_OPTIONS = {
  "archive-timeout": {
    type: "time",
    min: 100,
    max: 86_400_000,
    default: "1m",
    summary: "how long to wait for a WAL segment to reach the repository",
    example: "1m",
  },
  "archive-async": {
    type: "boolean",
    default: "n",
    summary: "push and get WAL ahead of PostgreSQL, in parallel",
    effect: "none",
  },
  "archive-get-queue-max": {
    type: "size",
    default: "4GiB",
    summary: "WAL that restore fetches ahead of its recovery; 0 leaves all of it to archive-get",
    example: "1GiB",
  },
  "archive-push-queue-max": {
    type: "size",
    summary: "WAL that may wait before it is given up to save the server's disk",
    example: "1GB",
    effect: "none",
  },
  "archive-push-batch-size": {
    type: "size",
    default: "16GiB",
    summary: "WAL to push in one round",
    effect: "none",
  },
  "archive-header-check": {
    type: "boolean",
    default: "y",
    summary: "check that a WAL segment belongs to the cluster",
    effect: "none",
  },
  "archive-mode-check": {
    type: "boolean",
    default: "y",
    summary: "check that archive_mode is not always",
    effect: "none",
  },
  "archive-check": {
    type: "boolean",
    default: "y",
    summary: "wait for a backup's WAL before it counts as complete",
    effect: "none",
  },
  "archive-copy": {
    type: "boolean",
    default: "n",
    summary: "keep a copy of a backup's WAL with the backup",
    effect: "none",
  },
  "archive-missing-retry": {
    type: "boolean",
    default: "y",
    present: "n",
    summary: "ask again for WAL that was missing",
    effect: "none",
  },
  rebuild: {
    type: "boolean",
    default: "n",
    commands: ["index"],
    commandLineOnly: true,
    summary: "make missing and damaged WAL indexes from the archived segments",
  },
  last: {
    type: "string",
    commands: ["archive-get"],
    commandLineOnly: true,
    summary: "the last WAL segment of the plan; none before it may be missing",
    example: "000000010000000000000018",
  },
  "standby-form": {
    type: "boolean",
    default: "n",
    commands: ["archive-get"],
    commandLineOnly: true,
    summary:
      "while standby.signal exists, a missing segment or an outage is 1: a standby asks again",
  },
  "pin-timeline": {
    type: "integer",
    min: 1,
    max: 4_294_967_295,
    commands: ["archive-get"],
    commandLineOnly: true,
    summary: "refuse history files above this timeline, so that recovery cannot promote",
    example: "1",
  },
  "pin-mode": {
    type: "enum",
    values: ["strict", "pause", "path"],
    default: "strict",
    commands: ["archive-get"],
    commandLineOnly: true,
    summary:
      "what lifts the pin: hindsight.allow-promotion; with pause also a server that took queries; with path nothing is refused, and the pin only names the path",
    example: "pause",
  },
  spool: {
    type: "boolean",
    default: "n",
    commands: ["archive-get"],
    commandLineOnly: true,
    summary: "take WAL segments that the restore fetched ahead from pg_wal/hindsight-spool",
  },
  "nothing-after-last": {
    type: "boolean",
    default: "n",
    commands: ["archive-get"],
    commandLineOnly: true,
    summary:
      "the recovery has a target that lies in the segment of --last: later ones are absent for it",
  },
} as const;
