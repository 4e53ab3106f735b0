// Options of the commands that look at history: find, target, window.

/** Rows of the option table on history. */
export const HISTORY_OPTIONS = {
  table: {
    type: "string",
    commands: ["find"],
    commandLineOnly: true,
    summary: "only transactions that changed this table: [[database.]schema.]name",
    example: "public.orders",
  },
  operation: {
    type: "enum",
    values: ["insert", "update", "delete", "truncate", "drop"],
    commands: ["find"],
    commandLineOnly: true,
    summary: "only transactions that did this, those with most rows first",
    example: "delete",
  },
  from: {
    type: "string",
    commands: ["find"],
    commandLineOnly: true,
    summary: "only transactions that ended at this time or later",
    example: "2025-11-19 11:00",
  },
  to: {
    type: "string",
    commands: ["find"],
    commandLineOnly: true,
    summary:
      "only transactions that ended at this time or earlier; a time without date is the first behind --from",
    example: "2025-11-19 12:00+01",
  },
  xid: {
    type: "string",
    commands: ["find"],
    commandLineOnly: true,
    summary: "only the transaction with this id; a subtransaction's finds its transaction",
    example: "12345678",
  },
  "min-rows": {
    type: "integer",
    min: 1,
    max: 9_007_199_254_740_991,
    commands: ["find"],
    commandLineOnly: true,
    summary:
      "only transactions with so many rows, of the operation and table if they are given, or of an unknown number",
    example: "1000",
  },
  limit: {
    type: "integer",
    default: "10",
    min: 1,
    max: 100_000,
    commands: ["find", "target"],
    commandLineOnly: true,
    summary: "transactions to show at most",
    example: "50",
  },
  "list-lost": {
    type: "boolean",
    default: "n",
    commands: ["target"],
    commandLineOnly: true,
    summary: "list the transactions after the target, which are given up; --limit of them",
  },
  aborted: {
    type: "boolean",
    default: "n",
    commands: ["find"],
    commandLineOnly: true,
    summary: "show transactions that were rolled back, too",
  },
  timeline: {
    type: "boolean",
    default: "n",
    commands: ["find"],
    commandLineOnly: true,
    summary:
      "draw what happened over time: WAL, deleted rows, lost tables, restore points, backups",
  },
} as const;
