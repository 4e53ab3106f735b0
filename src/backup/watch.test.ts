import { describe, expect, test } from "vitest";
import { SteppingClock } from "../base/clock.fixture.ts";
import { type Context, createContext } from "../base/context.ts";
import { failure } from "../model/failure.ts";
import type { Row } from "../postgres/connection.ts";
import { FACTS } from "./backup.fixture.ts";
import { checkUnchanged, type WatchedSession, whileWatching } from "./watch.ts";

/** How the server of {@link FACTS} answers. */
const SAME: Row = {
  in_recovery: "f",
  postmaster_start: FACTS.postmasterStartTime,
  system_identifier: String(FACTS.systemIdentifier),
  timeline: "00000001",
};

/** A session that gives these answers in turn, and the last of them for ever. */
function sessionOf(...answers: readonly (Row | Error)[]): WatchedSession & {
  readonly asked: () => number;
  readonly lose: (reason: Error) => void;
} {
  const lost = new AbortController();
  let asked = 0;
  return {
    lost: lost.signal,
    lose: (reason) => lost.abort(reason),
    asked: () => asked,
    row: async () => {
      const answer = answers[Math.min(asked, answers.length - 1)];
      asked += 1;
      if (answer === undefined || answer instanceof Error) throw answer ?? new Error("no answer");
      return answer;
    },
  };
}

const CHANGES: readonly [string, Row, string][] = [
  ["another cluster", { ...SAME, system_identifier: "42" }, "it is another cluster"],
  ["a restart", { ...SAME, postmaster_start: "1795225200000001" }, "it was restarted"],
  ["a promotion", { ...SAME, timeline: "00000002" }, "it was promoted or went into recovery"],
  ["a recovery", { ...SAME, in_recovery: "t" }, "it was promoted or went into recovery"],
];

describe("checkUnchanged", () => {
  test("the same server is fine", async () => {
    await expect(checkUnchanged(sessionOf(SAME), FACTS, createContext())).resolves.toBeUndefined();
  });

  test.each(CHANGES)("%s is found and named", async (_, answer, reason) => {
    await expect(checkUnchanged(sessionOf(answer), FACTS, createContext())).rejects.toMatchObject({
      code: "BACKUP_ABORTED",
      message: `the server changed during the backup: ${reason}`,
    });
  });
});

describe("whileWatching", () => {
  /** Copies until somebody says to end, and does so with an error of its own, as a copy would. */
  async function copyUntilAborted({ signal }: Context): Promise<never> {
    await new Promise((resolve) => {
      if (signal.aborted) resolve(undefined);
      else signal.addEventListener("abort", resolve, { once: true });
    });
    throw new Error("the copy was interrupted");
  }

  test("gives what the work gives, and asks no more afterwards", async () => {
    const session = sessionOf(SAME);
    const copied = Promise.withResolvers<string>();
    const clock = new SteppingClock((sleepCount) => {
      if (sleepCount === 4) copied.resolve("copied");
    });
    const result = await whileWatching(session, FACTS, {
      context: createContext({ clock }),
      work: () => copied.promise,
    });
    const askedCount = session.asked();
    await new Promise(setImmediate);
    expect(result).toBe("copied");
    expect(askedCount).toBeGreaterThan(2);
    expect(session.asked()).toBe(askedCount);
    expect(clock.delaysMs[0]).toBe(5000);
  });

  test("the work's own failure is passed on", async () => {
    await expect(
      whileWatching(sessionOf(SAME), FACTS, {
        context: createContext(),
        work: () => Promise.reject(failure("DATA_FILE_UNREADABLE", "cannot read base/5/1259")),
      }),
    ).rejects.toMatchObject({ code: "DATA_FILE_UNREADABLE" });
  });

  test.each(CHANGES)("%s ends the work, and is the reason", async (_, answer, reason) => {
    const session = sessionOf(SAME, SAME, answer);
    await expect(
      whileWatching(session, FACTS, {
        context: createContext({ clock: new SteppingClock() }),
        work: copyUntilAborted,
      }),
    ).rejects.toMatchObject({
      code: "BACKUP_ABORTED",
      message: expect.stringContaining(reason) as string,
    });
    expect(session.asked()).toBe(3);
  });

  test("a question that fails ends the work", async () => {
    const refused = failure("POSTGRES_QUERY_FAILED", "permission denied");
    await expect(
      whileWatching(sessionOf(SAME, refused), FACTS, {
        context: createContext({ clock: new SteppingClock() }),
        work: copyUntilAborted,
      }),
    ).rejects.toBe(refused);
  });

  test("a lost session ends the work between two questions", async () => {
    const session = sessionOf(SAME);
    const gone = failure("POSTGRES_CONNECTION_LOST", "the server closed the connection");
    const working = whileWatching(session, FACTS, {
      context: createContext(),
      work: copyUntilAborted,
    });
    session.lose(gone);
    await expect(working).rejects.toBe(gone);
    expect(session.asked()).toBe(0);
  });

  test("the user's wish to end comes before what it causes", async () => {
    const ending = new AbortController();
    const session = sessionOf(SAME);
    const working = whileWatching(session, FACTS, {
      context: { ...createContext(), signal: ending.signal },
      work: copyUntilAborted,
    });
    ending.abort(new Error("interrupted by the user"));
    session.lose(new Error("the server closed the connection"));
    await expect(working).rejects.toThrow("interrupted by the user");
  });
});
