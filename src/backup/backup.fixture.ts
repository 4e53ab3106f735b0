// What the tests of this folder share: a server of the made-up cluster that the fixtures of the repository know, as it
// describes itself.
import { timeline } from "../model/timeline.ts";
import type { ClusterFacts } from "../postgres/cluster-facts.ts";
import { CLUSTER } from "../repository/repository.fixture.ts";
import type { StanzaRecord } from "../repository/stanza.ts";

export const RECORD: StanzaRecord = {
  ...CLUSTER,
  number: 1,
  databaseId: 1,
  createdAt: Temporal.Instant.from("2026-11-21T02:00:00Z"),
};

export const FACTS: ClusterFacts = {
  versionNumber: 180004,
  majorVersion: CLUSTER.majorVersion,
  systemIdentifier: CLUSTER.systemIdentifier,
  catalogVersion: CLUSTER.catalogVersion,
  controlVersion: CLUSTER.controlVersion,
  inRecovery: false,
  timeline: timeline(1),
  dataDirectory: "/var/lib/postgresql/18/main",
  segmentSizeBytes: CLUSTER.segmentSizeBytes,
  blockSizeBytes: 8192,
  relationSegmentBlocks: 131_072,
  dataChecksums: true,
  postmasterStartTime: "1795225200000000",
  settings: { wal_level: "replica", archive_mode: "on", archive_command: "hindsight %p" },
  tablespaces: [],
  databases: [],
};

/** The checkpoint of the cluster's pg_control. */
export const CHECKPOINT = 0x300028n;
