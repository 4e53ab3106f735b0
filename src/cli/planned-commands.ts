// Commands whose names are settled and that later releases bring. Help says so; calling one is an error.
import type { CommandName } from "../config/command-names.ts";

/** One line about each, as in {@link CommandSpec.summary}. */
export const PLANNED_COMMANDS: Readonly<Partial<Record<CommandName, string>>> = {
  "receive-wal": "stream WAL by the replication protocol",
  incident: "the recovery case: attempts, findings, report",
  drill: "rehearse a recovery and measure it",
  bisect: "find the first commit after which a query is no longer true",
  rescue: "carry rows from a recovered cluster into production",
  point: "create a named restore point with a note",
  schedule: "write cron or systemd schedules",
  size: "estimate storage and times",
  doctor: "diagnose a set-up",
  init: "guided set-up",
  agent: "the daemon",
};
