// Attempts on real servers of every major: each state in which a recovery can end, and each way in which PostgreSQL would
// like to end it differently.
import { readFile, rm } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createContext } from "../../src/base/context.ts";
import { HindsightError } from "../../src/base/errors.ts";
import { parseLsn } from "../../src/model/lsn.ts";
import { timeline } from "../../src/model/timeline.ts";
import { formatSegmentName } from "../../src/model/wal-segment.ts";
import { connect } from "../../src/postgres/connection.ts";
import { runningServer, stopServer } from "../../src/postgres/server.ts";
import { runAttempt } from "../../src/recovery/attempt.ts";
import type {
  AttemptProgress,
  AttemptRequest,
  AttemptResult,
} from "../../src/recovery/attempt-request.ts";
import { recoveryJson } from "../../src/recovery/attempt-result.ts";
import { MAJORS } from "../harness/majors.ts";
import {
  attemptOn,
  layGround,
  type RecoveryGround,
  restoreBase,
  watchedContext,
} from "./recovery-ground.ts";

const context = createContext();
const SEGMENT_SIZE = 1024n * 1024n;

async function rowsOf(request: AttemptRequest, result: AttemptResult): Promise<number> {
  const { socketDirectory, port } = result;
  const { role: user, database } = request.start;
  await using session = await connect({ socketDirectory, port, user, database }, context);
  return Number(await session.value("select count(*) from public.t"));
}

async function stop(request: AttemptRequest): Promise<void> {
  await stopServer(request.plan.destination.path, "immediate", context);
}

/** The error of an attempt that must fail; the server must be gone. */
async function failureOf(request: AttemptRequest, given = context): Promise<HindsightError> {
  const error: unknown = await runAttempt(request, given).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(await runningServer(request.plan.destination.path)).toBeUndefined();
  if (!(error instanceof HindsightError))
    throw new Error("the attempt did not fail as it must", { cause: error });
  return error;
}

describe.each(MAJORS)("PostgreSQL %i", (major) => {
  let ground: RecoveryGround;

  beforeAll(async () => {
    ground = await layGround(major);
  });

  afterAll(() => ground[Symbol.asyncDispose]());

  test("pauses before the disaster, whatever ALTER SYSTEM had left behind", async () => {
    const restored = await restoreBase(
      ground,
      {
        recovery_target_xid: ground.disaster.xid,
        recovery_target_inclusive: "off",
        recovery_target_action: "pause",
      },
      {
        interlock: true,
        autoConf: `port = 1
listen_addresses = '*'
unix_socket_directories = '/nonexistent'
shared_preload_libraries = 'no_such_library'
log_min_messages = panic
log_error_verbosity = verbose
log_line_prefix = 'odd '
log_timezone = 'Asia/Tokyo'
logging_collector = on
hot_standby = off
archive_mode = on
archive_command = 'touch ${ground.workspace.path("must-not-exist")}'
ssl = on
shared_buffers = '100GB'
external_pid_file = '/nonexistent/pid'
`,
      },
    );
    const progress: AttemptProgress[] = [];
    const request: AttemptRequest = {
      ...attemptOn(ground, restored),
      onProgress: (step) => progress.push(step),
    };
    const result = await runAttempt(request, context);
    try {
      expect(result).toMatchObject({
        state: "paused",
        port: 5444,
        timeline: 1,
        stop: { reason: "commit", before: true, xid: Number(ground.disaster.xid) },
        raised: {},
      });
      expect(await rowsOf(request, result)).toBe(1010);
      expect(result.lastReplayed.replayedLsn).toBeGreaterThan(parseLsn(ground.good.beginLsn));
      expect(result.lastReplayed.replayedLsn).toBeLessThanOrEqual(parseLsn(ground.disaster.endLsn));
      expect(result.totalSeconds).toBeGreaterThan(0);
      expect(progress.map(({ phase }) => phase)).toEqual(
        expect.arrayContaining(["replaying", "stopping"]),
      );
      // In a session of its own, so that it outlives us and no Ctrl-C of ours reaches it.
      const stat = await readFile(`/proc/${result.pid}/stat`, "utf8");
      expect(stat.split(") ")[1]?.split(" ")[3]).toBe(String(result.pid));
      expect(await runningServer(restored.dataDirectory)).toMatchObject({
        pid: result.pid,
        port: result.port,
        socketDirectory: result.socketDirectory,
      });
      expect(recoveryJson(result)).toMatchObject({
        state: "paused",
        timeline: 1,
        stoppedBefore: { reason: "commit", xid: ground.disaster.xid },
      });
      expect(recoveryJson(result).lastReplayed.time).toMatch(/^\d{4}-.*\.\d{6}Z$/);
    } finally {
      await stop(request);
    }
    expect(await runningServer(restored.dataDirectory)).toBeUndefined();
  });

  test("promotes at a restore point and says on which timeline it is now", async () => {
    const restored = await restoreBase(ground, {
      recovery_target_name: "before_disaster",
      recovery_target_action: "promote",
    });
    const request = attemptOn(ground, restored, { type: "name", targetAction: "promote" });
    const result = await runAttempt(request, context);
    expect(result).toMatchObject({
      state: "promoted",
      timeline: 2,
      stop: { reason: "restorePoint", name: "before_disaster", before: false },
    });
    expect(await rowsOf(request, result)).toBe(1010);
    expect(recoveryJson(result).stoppedBefore).toBeNull();
    await stop(request);
  });

  test("names the last replayed transaction when the index knows its commit time", async () => {
    const restored = await restoreBase(ground, {
      recovery_target_xid: ground.good.xid,
      recovery_target_action: "promote",
    });
    const request = attemptOn(ground, restored, { targetAction: "promote" });
    const result = await runAttempt(request, context);
    await stop(request);
    expect(result.lastReplayed.xid).toBe(BigInt(ground.good.xid));
    expect(result.lastReplayed.time).toEqual(result.stop?.time);
  });

  test("shuts down at an LSN, which ends the server and not the attempt", async () => {
    const restored = await restoreBase(ground, {
      recovery_target_lsn: ground.disaster.beginLsn,
      recovery_target_inclusive: "off",
      recovery_target_action: "shutdown",
    });
    const request = attemptOn(ground, restored, {
      type: "lsn",
      targetAction: "shutdown",
      stopLsn: parseLsn(ground.disaster.beginLsn),
    });
    const result = await runAttempt(request, context);
    expect(result).toMatchObject({ state: "shutdown", stop: { reason: "lsn", before: true } });
    expect(await runningServer(restored.dataDirectory)).toBeUndefined();
  });

  test("recovers to the end of the archive, raising a limit that the primary raised", async () => {
    const restored = await restoreBase(ground, { recovery_target_action: "promote" });
    const watched = watchedContext();
    const request = attemptOn(ground, restored, {
      type: "default",
      target: { kind: "default" },
      targetAction: "promote",
    });
    const result = await runAttempt(request, watched);
    expect(result).toMatchObject({
      state: "promoted",
      timeline: 2,
      stop: undefined,
      raised: { max_connections: 40 },
    });
    expect(watched.warnings).toContain("restarting recovery with a higher setting");
    expect(result.logFile).toMatch(/postgresql-2\.log$/);
    expect(await rowsOf(request, result)).toBe(2); // 1500 and 2000 came after the disaster
    await stop(request);
  });

  test("does not take damaged WAL for the end of the archive", async () => {
    // In the middle of the records of the disaster, which are some 50 kB of deletions.
    const position = parseLsn(ground.disaster.beginLsn) + 20_000n;
    const segment = formatSegmentName(
      { timeline: timeline(1), number: position / SEGMENT_SIZE },
      Number(SEGMENT_SIZE),
    );
    const restored = await restoreBase(
      ground,
      { recovery_target_action: "promote" },
      { damage: { segment, offsetBytes: Number(position % SEGMENT_SIZE) } },
    );
    const request = attemptOn(ground, restored, {
      type: "default",
      target: { kind: "default" },
      targetAction: "promote",
    });
    const error = await failureOf(request);
    expect(error.code).toBe("RECOVERY_WAL_DAMAGED");
    expect(error.exitCode).toBe(31);
    expect(error.message).toMatch(/could not be read: (incorrect resource|record with incorrect)/);
    expect(error.context["logFile"]).toMatch(/\.log$/);
  });

  test("a target after the end of the archive is missed, not approximated", async () => {
    const restored = await restoreBase(ground, {
      recovery_target_time: "2099-01-01 00:00:00+00",
      recovery_target_action: "promote",
    });
    const error = await failureOf(attemptOn(ground, restored, { targetAction: "promote" }));
    expect(error.code).toBe("RECOVERY_TARGET_MISSED");
    expect(error.message).toContain("its last transaction ended at");
  });

  test("a pause that PostgreSQL would turn into a promotion is stopped by the interlock", async () => {
    const settings = {
      recovery_target_xid: ground.whileOverflowed.xid,
      recovery_target_action: "pause",
    };
    const restored = await restoreBase(ground, settings, { base: "overflowed", interlock: true });
    const error = await failureOf(attemptOn(ground, restored));
    expect(error.code).toBe("RECOVERY_PROMOTION_REFUSED");
    expect(error.message).toContain("reached the target but could not pause there");
  });

  test("without the interlock the promotion is seen, and the server stopped", async () => {
    const settings = {
      recovery_target_xid: ground.whileOverflowed.xid,
      recovery_target_action: "pause",
    };
    const restored = await restoreBase(ground, settings, { base: "overflowed" });
    const error = await failureOf(attemptOn(ground, restored));
    expect(error.code).toBe("RECOVERY_PROMOTED");
  });

  test("an archive that fails stops the recovery, and its own words are quoted", async () => {
    const restored = await restoreBase(
      ground,
      { recovery_target_xid: ground.disaster.xid, recovery_target_action: "pause" },
      {
        restoreScript: `case $1 in 0*) echo "error: the repository cannot be reached: ECONNREFUSED [REPOSITORY_UNREACHABLE]" >&2; exit 200;; esac`,
      },
    );
    const error = await failureOf(attemptOn(ground, restored));
    expect(error.code).toBe("REPOSITORY_UNREACHABLE");
    expect(error.message).toMatch(/ECONNREFUSED$/);
  });

  test("a recovery that does not move is given up", async () => {
    const restored = await restoreBase(
      ground,
      { recovery_target_xid: ground.disaster.xid, recovery_target_action: "pause" },
      { restoreScript: "sleep 3" },
    );
    const request = { ...attemptOn(ground, restored), noProgressLimitMs: 1200 };
    const error = await failureOf(request);
    expect(error.code).toBe("RECOVERY_TIMEOUT");
  });

  test("an interrupted attempt leaves no server behind", async () => {
    const restored = await restoreBase(
      ground,
      { recovery_target_xid: ground.disaster.xid, recovery_target_action: "pause" },
      { restoreScript: "sleep 2" },
    );
    const controller = new AbortController();
    const request = attemptOn(ground, restored);
    setTimeout(() => controller.abort(new HindsightError("INTERRUPTED", 28, "interrupted")), 600);
    const error = await failureOf(request, createContext({ signal: controller.signal }));
    expect(error.code).toBe("INTERRUPTED");
  });

  test("a directory that is no cluster fails with PostgreSQL's reason", async () => {
    const restored = await restoreBase(ground, { recovery_target_action: "promote" });
    await rm(`${restored.dataDirectory}/global/pg_control`);
    const error = await failureOf(attemptOn(ground, restored));
    expect(error.code).toBe("CONTROL_FILE_INVALID");
  });
});
