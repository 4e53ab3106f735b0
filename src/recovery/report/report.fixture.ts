// For tests: the facts of the incident of the documents, once too late and once right, and of one nobody measured.
import { parseLsn } from "../../model/lsn.ts";
import { NO_INSTANTS } from "../recovery.fixture.ts";
import type { ReportFacts } from "./facts.ts";

const at = (time: string): Temporal.Instant => Temporal.Instant.from(`2026-11-19T${time}Z`);

/** Sixty thousand orders deleted, brought back in the second attempt. */
export const ordersDeleted: ReportFacts = {
  id: "2026-11-19-1",
  title: "Accidental mass deletion of orders",
  stanza: "main",
  majorVersion: 18,
  timeZone: "Europe/Paris",
  generatedAt: at("12:05:00"),
  hindsightVersion: "0.1.0",
  state: "accepted",
  goodState: { at: at("11:49:40"), what: "restore point before_disaster" },
  accident: {
    xid: 12345n,
    lsn: parseLsn("0/15000028"),
    impact: [
      { relation: "public.orders", change: "60,104 rows deleted", rows: 60_104 },
      { relation: "public.order_log", change: "truncated", rows: undefined },
    ],
  },
  instants: {
    incidentAt: at("11:50:00.125"),
    detectedAt: at("11:51:00"),
    firstAttemptAt: at("11:53:10"),
    restoreBeganAt: at("11:54:20"),
    restoredAt: at("11:54:31.5"),
    recoveryStartedAt: at("11:54:32.114"),
    readyAt: at("11:54:35.907"),
    verifiedAt: at("11:55:05"),
  },
  objectiveSeconds: 900,
  attempts: [
    {
      number: 1,
      target: "2026-11-19 11:50:30+00:00",
      backup: "20261119-090000F",
      timeline: 1,
      state: "rejected",
      startedAt: at("11:53:10"),
      seconds: 41.2,
      checks: [{ name: "orders present", passed: false, detail: "0 rows, expected 60,104" }],
      verdict: "target lies after the deletion; the orders are still missing",
      by: "jane",
    },
    {
      number: 2,
      target: "just before transaction 12345 (lsn 0/15000028, exclusive)",
      backup: "20261119-090000F",
      timeline: 1,
      state: "accepted",
      startedAt: at("11:54:20"),
      seconds: 45,
      checks: [
        { name: "orders present", passed: true, detail: "60,104 rows, expected 60,104" },
        { name: "indexes intact", passed: true, detail: "amcheck found nothing in 12 indexes" },
      ],
      verdict: "all orders are there",
      by: "jane",
    },
  ],
  chosen: 2,
  recovery: {
    method: "point-in-time recovery, stopped before LSN 0/15000028",
    restoredBytes: 47_396_812,
    restoredFiles: 1203,
    walSegments: 4,
    lastKept: { xid: 12_344n, replayedLsn: parseLsn("0/15000028"), time: at("11:49:58.75") },
    lastGoodAt: at("11:49:58.75"),
    connection: "psql -h /var/lib/hindsight/attempts/2 -p 5444",
    raised: { max_connections: 200 },
    logLines: [
      '2026-11-19 11:54:32.114 UTC [812] startup LOG:  starting point-in-time recovery to WAL location (LSN) "0/15000028"',
      '2026-11-19 11:54:35.902 UTC [812] startup LOG:  recovery stopping before WAL location (LSN) "0/15000028"',
      "2026-11-19 11:54:35.907 UTC [806] postmaster LOG:  database system is ready to accept read-only connections",
    ],
  },
  counts: [
    {
      relation: "public.orders",
      recovered: 60_104,
      shouldExist: 60_104,
      shouldNotExist: 0,
      production: 0,
    },
    {
      relation: "public.critical_orders",
      recovered: 10_500,
      shouldExist: 10_500,
      shouldNotExist: 0,
      production: 10_500,
    },
  ],
  people: {
    openedBy: "jane",
    description: "A migration deleted all orders: DELETE without WHERE.",
    rootCause: "The migration tool ran a DELETE without WHERE",
    prevention: "Deletions without WHERE are refused",
    documentation: "",
    keyLearning: "",
  },
  switchover: { "connections-blocked": at("11:56:00"), "primary-stopped": at("11:56:30") },
};

/** An incident that was only just opened. */
export const nothingKnown: ReportFacts = {
  ...ordersDeleted,
  state: "open",
  goodState: undefined,
  accident: { xid: undefined, lsn: undefined, impact: [] },
  instants: NO_INSTANTS,
  attempts: [],
  chosen: undefined,
  recovery: undefined,
  counts: [],
  people: {
    openedBy: "",
    description: "",
    rootCause: "",
    prevention: "",
    documentation: "",
    keyLearning: "",
  },
  switchover: {},
};
