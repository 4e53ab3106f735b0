// Our reading of pg_control against PostgreSQL's own, on every major; and that a cluster whose checkpoint was made
// invalid does not start without backup_label.
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createContext } from "../../src/base/context.ts";
import { formatLsn, parseLsn } from "../../src/model/lsn.ts";
import { invalidateCheckpoint, readControlFile } from "../../src/postgres/control-file.ts";
import { startCluster } from "../harness/cluster.ts";
import { MAJORS } from "../harness/majors.ts";

const context = createContext();

describe.each(MAJORS)("PostgreSQL %i", (major) => {
  test("pg_control says what the server says", async () => {
    const checksums = major % 2 === 0;
    await using cluster = await startCluster({
      major,
      checksums,
      walSegmentSizeMb: 4,
      settings: {
        wal_level: "logical",
        wal_log_hints: true,
        max_connections: 33,
        max_worker_processes: 11,
        max_wal_senders: 5,
        max_prepared_transactions: 7,
        max_locks_per_transaction: 77,
        track_commit_timestamp: true,
        full_page_writes: false,
      },
    });
    await cluster.sql("create table t as select generate_series(1, 10000)");
    await cluster.sql("checkpoint");
    const [sql] = await cluster.sql(`
      select system.system_identifier, system.pg_control_version, system.catalog_version_no,
             checkpoint.checkpoint_lsn, checkpoint.redo_lsn, checkpoint.timeline_id, checkpoint.full_page_writes,
             checkpoint.next_xid, extract(epoch from checkpoint.checkpoint_time)::bigint as checkpoint_time,
             extract(epoch from system.pg_control_last_modified)::bigint as modified,
             recovery.min_recovery_end_lsn, recovery.min_recovery_end_timeline, recovery.backup_start_lsn,
             recovery.backup_end_lsn, recovery.end_of_backup_record_required as end_required,
             init.database_block_size, init.blocks_per_segment, init.wal_block_size, init.bytes_per_wal_segment,
             init.data_page_checksum_version
        from pg_control_system() system, pg_control_checkpoint() checkpoint, pg_control_recovery() recovery,
             pg_control_init() init`);
    const { control } = await readControlFile(cluster.dataDirectory, context);
    expect({
      system_identifier: String(control.systemIdentifier),
      pg_control_version: String(control.controlVersion),
      catalog_version_no: String(control.catalogVersion),
      checkpoint_lsn: formatLsn(control.checkpointLsn),
      redo_lsn: formatLsn(control.redoLsn),
      timeline_id: String(control.timeline),
      full_page_writes: control.fullPageWrites ? "t" : "f",
      next_xid: `${control.nextTransactionId >> 32n}:${control.nextTransactionId & 0xffffffffn}`,
      checkpoint_time: String(control.checkpointTime.epochMilliseconds / 1000),
      modified: String(control.updatedAt.epochMilliseconds / 1000),
      min_recovery_end_lsn: formatLsn(control.minRecoveryPoint),
      min_recovery_end_timeline: String(control.minRecoveryTimeline),
      backup_start_lsn: formatLsn(control.backupStartLsn),
      backup_end_lsn: formatLsn(control.backupEndLsn),
      end_required: control.backupEndRequired ? "t" : "f",
      database_block_size: String(control.blockSizeBytes),
      blocks_per_segment: String(control.relationSegmentBlocks),
      wal_block_size: String(control.walBlockSizeBytes),
      bytes_per_wal_segment: String(control.segmentSizeBytes),
      data_page_checksum_version: String(control.dataChecksumVersion),
    }).toEqual(sql);
    expect(control).toMatchObject({
      state: "in production",
      walLevel: "logical",
      walLogHints: true,
      maxConnections: 33,
      maxWorkerProcesses: 11,
      maxWalSenders: 5,
      maxPreparedTransactions: 7,
      maxLocksPerTransaction: 77,
      trackCommitTimestamp: true,
      dataChecksumVersion: checksums ? 1 : 0,
    });
    await cluster.stop();
    const stopped = await readControlFile(cluster.dataDirectory, context);
    expect(stopped.control.state).toBe("shut down");
    expect(stopped.control.checkpointLsn).toBeGreaterThan(
      parseLsn(String(sql?.["checkpoint_lsn"])),
    );
  });

  test("does not start from a checkpoint that was made invalid, and starts from the original", async () => {
    await using cluster = await startCluster({ major });
    await cluster.stop();
    const file = join(cluster.dataDirectory, "global", "pg_control");
    const original = await readFile(file);
    await writeFile(file, invalidateCheckpoint(original));
    expect(await cluster.tryStart()).toMatchObject({ started: false });
    expect(await cluster.log()).toContain("PANIC:  could not locate a valid checkpoint record");
    // Nothing was changed by the refusal, as by a restore that is repeated.
    await writeFile(file, original);
    await cluster.start();
    expect(await cluster.value("select 1")).toBe("1");
  });
});
