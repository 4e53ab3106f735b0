// Options of backup, stanza-create and the catalogue.

/** Rows of the option table on backups and the catalogue. */
export const BACKUP_OPTIONS = {
  type: {
    type: "enum",
    values: [
      "full",
      "diff",
      "incr",
      "default",
      "immediate",
      "time",
      "xid",
      "name",
      "lsn",
      "standby",
      "preserve",
      "none",
    ],
    commands: ["backup", "restore"],
    commandLineOnly: true,
    summary:
      "backup: full, diff or incr; restore: default, immediate, time, xid, name, lsn, standby, preserve or none",
    example: "full",
  },
  "start-fast": {
    type: "boolean",
    default: "n",
    summary: "begin a backup with an immediate checkpoint instead of waiting for the next one",
  },
  "stop-auto": {
    type: "boolean",
    default: "n",
    present: "y",
    summary: "end a backup that a failed command left running; PostgreSQL does that by itself",
    effect: "none",
  },
  "backup-standby": {
    type: "enum",
    values: ["n", "prefer", "y"],
    default: "n",
    summary: "copy files from a standby",
    effect: "none",
  },
  "checksum-page": {
    type: "boolean",
    default: "y",
    summary: "check every page while it is copied",
    effect: "none",
  },
  "page-header-check": {
    type: "boolean",
    default: "y",
    summary: "check page headers of clusters without checksums",
    effect: "none",
  },
  annotation: {
    type: "map",
    commands: ["backup", "annotate"],
    summary: "a note that stays with the backup; may be repeated",
    example: "reason=before upgrade",
  },
  "incremental-trust-rmgr": {
    type: "list",
    summary:
      "number of an extension's resource manager whose WAL names every block that it changes; may be repeated",
    example: "128",
  },
  sample: {
    type: "string",
    default: "100%",
    commands: ["verify"],
    commandLineOnly: true,
    summary:
      "share of packs and WAL that verify reads whole; of the rest it sees that they are there",
    example: "5%",
  },
  reason: {
    type: "string",
    commands: ["hold"],
    commandLineOnly: true,
    summary: "why the backup is held",
    example: "audit until March",
  },
  release: {
    type: "boolean",
    default: "n",
    commands: ["hold"],
    commandLineOnly: true,
    summary: "release the backup from all of its holds",
  },
  exclude: {
    type: "list",
    summary: "path below the data directory to leave out; may be repeated",
    effect: "none",
  },
  "expire-auto": {
    type: "boolean",
    default: "y",
    summary: "expire after a backup",
  },
  "expire-grace": {
    type: "time",
    min: 0,
    max: 31_536_000_000,
    default: "1d",
    summary:
      "how long what expired stays for the restores that read it; longer than any restore and any backup takes",
    example: "1d",
  },
  resume: {
    type: "boolean",
    default: "y",
    present: "n",
    summary: "go on with an interrupted backup",
    effect: "none",
  },
  "manifest-save-threshold": {
    type: "size",
    default: "1GiB",
    summary: "data copied before the manifest is saved",
    effect: "none",
  },
  online: {
    type: "boolean",
    default: "y",
    summary: "ask the running server; with --no-online the data directory alone is read",
    commands: ["stanza-create", "stanza-upgrade", "backup"],
  },
  "detail-level": {
    type: "enum",
    values: ["full", "progress"],
    default: "full",
    commands: ["info"],
    commandLineOnly: true,
    summary: "how much info prints",
    effect: "none",
  },
  oldest: {
    type: "boolean",
    default: "n",
    commands: ["expire"],
    commandLineOnly: true,
    summary: "expire the oldest full backup",
  },
  "archive-expire-before": {
    type: "string",
    commands: ["expire"],
    commandLineOnly: true,
    summary: "expire WAL before this segment, but for what makes backups consistent",
  },
} as const;
