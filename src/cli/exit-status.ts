// Exit statuses in words, for help and documentation. The numbers are model/failure.ts's.

/** What each exit status says. */
export const EXIT_MEANINGS: Readonly<Record<number, string>> = {
  0: "done",
  1: "our own fault",
  2: "usage or configuration",
  10: "PostgreSQL unreachable",
  11: "PostgreSQL in the wrong state",
  20: "repository unreachable",
  21: "repository denied, full or read-only",
  22: "integrity: stored data is damaged",
  23: "wrong cluster or version",
  24: "the archive holds a WAL file of that name with other content",
  26: "wrong key",
  27: "lock or lease held by another process",
  28: "stopped or interrupted",
  29: "target impossible",
  30: "destination unsafe",
  31: "WAL is missing",
  32: "done, with page errors",
  33: "check failed",
};
