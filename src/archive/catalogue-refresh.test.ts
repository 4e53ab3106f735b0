// What a refresh does where no PostgreSQL answers. With one: test/integration/catalogue-stored.test.ts.
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, expect, test } from "vitest";
import { SteppingClock } from "../base/clock.fixture.ts";
import { type Context, createContext } from "../base/context.ts";
import { stanzaName } from "../model/stanza.ts";
import type { ConnectionSettings } from "../postgres/connection.ts";
import { forgetCatalogueWanted } from "../repository/catalogue-wanted.ts";
import { createRepository } from "../repository/repository.ts";
import { createMemoryStore } from "../storage/memory.ts";
import {
  type CatalogueRefresh,
  type CatalogueRefreshRequest,
  refreshCatalogue,
  refreshCatalogueIfDue,
} from "./catalogue-refresh.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "refresh-"));
});
afterEach(() => rm(directory, { recursive: true }));

async function refresh(
  parts: Partial<CatalogueRefreshRequest> = {},
  context: Context = createContext(),
): Promise<CatalogueRefresh> {
  const { repository } = await createRepository(createMemoryStore(), createContext());
  const settings = { socketDirectory: directory, port: 5432, user: "x", database: "x" };
  const destinations = [{ repository, stanza: stanzaName("main") }];
  const findServer = (): Promise<typeof settings> => Promise.resolve(settings);
  const outcomes = await refreshCatalogue({ findServer, destinations, ...parts }, context);
  expect(outcomes).toHaveLength(1);
  return outcomes[0] as CatalogueRefresh;
}

/** A server that lets everybody in and then says nothing. */
async function listenSilently(): Promise<AsyncDisposable> {
  const server = createServer((socket) => socket.resume().on("error", () => undefined));
  await new Promise<void>((resolve) => {
    server.listen(join(directory, ".s.PGSQL.5432"), resolve);
  });
  return {
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

test("without a server nothing is stored, and the reason is told", async () => {
  expect(await refresh({ timeoutMs: 10_000 })).toEqual({
    kind: "skipped",
    reason: expect.stringContaining("there is no such socket") as string,
  });
});

test("a server that does not answer is not waited for", async () => {
  await using _ = await listenSilently();
  await refresh();
  const beginMs = performance.now();
  expect(await refresh()).toEqual({ kind: "skipped", reason: "it took longer than 200 ms" });
  expect(performance.now() - beginMs).toBeLessThan(2_000);
});

test("a server that is not found in time, as behind a pid file on a dead mount, is not waited for", async () => {
  const findServer = (): Promise<never> => new Promise(() => undefined);
  const reason = "it took longer than 50 ms";
  expect(await refresh({ findServer, timeoutMs: 50 })).toEqual({ kind: "skipped", reason });
});

test("the server is asked once, however many repositories there are", async () => {
  let askedCount = 0;
  const findServer = (): Promise<never> => {
    askedCount += 1;
    return Promise.reject(new Error("there is no server"));
  };
  const places = [createMemoryStore(), createMemoryStore(), createMemoryStore()];
  const destinations = await Promise.all(
    places.map(async (place) => {
      const { repository } = await createRepository(place, createContext());
      return { repository, stanza: stanzaName("main") };
    }),
  );
  const outcomes = await refreshCatalogue({ findServer, destinations }, createContext());
  const skipped = { kind: "skipped", reason: "there is no server" };
  expect(outcomes).toEqual([skipped, skipped, skipped]);
  expect(askedCount).toBe(1);
});

test("the caller's own signal is no reason to skip", async () => {
  await using _ = await listenSilently();
  const controller = new AbortController();
  const context = createContext({ signal: controller.signal });
  const refreshing = refresh({ timeoutMs: 10_000 }, context);
  const reason = new Error("interrupted");
  setTimeout(() => controller.abort(reason), 50);
  await expect(refreshing).rejects.toBe(reason);
  await expect(refresh({}, context)).rejects.toBe(reason);
});

test("what could not be done is tried again, at most once a minute, until it is done", async () => {
  const clock = new SteppingClock();
  const context = createContext({ clock });
  const { repository } = await createRepository(createMemoryStore(), context);
  const stanza = stanzaName("main");
  let attemptCount = 0;
  const findServer = async (): Promise<ConnectionSettings> => {
    attemptCount += 1;
    return { socketDirectory: directory, port: 5432, user: "x", database: "x" };
  };
  const destinations = [{ repository, stanza }];
  const push = async (changed: boolean): Promise<string> => {
    const [refresh] = await refreshCatalogueIfDue({ findServer, destinations, changed }, context);
    return refresh?.kind ?? "notDue";
  };
  expect(await push(false)).toBe("notDue");
  expect(await push(true)).toBe("skipped");
  expect(await push(false)).toBe("notDue");
  expect(await push(true)).toBe("skipped");
  await clock.sleep(60_000);
  expect(await push(false)).toBe("skipped");
  expect(await push(false)).toBe("notDue");
  await clock.sleep(60_000);
  expect(attemptCount).toBe(3);
  // A note that is damaged is as good as an old one.
  const key = "stanza/main/catalogue-wanted";
  await repository.store.remove(key);
  await repository.store.put(key, Buffer.from("nothing"));
  expect(await push(false)).toBe("skipped");
  // As a success does; with a server: test/integration/catalogue-stored.test.ts.
  await forgetCatalogueWanted(repository, stanza, context);
  expect(await push(false)).toBe("notDue");
});

test("PostgreSQL's driver is loaded only when a refresh begins", async () => {
  const loadsDriver = async (path: string): Promise<boolean> => {
    const program = `
      import { createRequire } from "node:module";
      await import(${JSON.stringify(join(import.meta.dirname, path))});
      const { cache } = createRequire(import.meta.url);
      console.log(Object.keys(cache).some((name) => name.includes("/node_modules/pg/")));`;
    const options = ["--input-type=module", "--eval", program];
    const { stdout } = await promisify(execFile)(process.execPath, options, { cwd: directory });
    return stdout.trim() === "true";
  };
  expect(await loadsDriver("../postgres/catalogue.ts")).toBe(true);
  expect(await loadsDriver("catalogue-refresh.ts")).toBe(false);
});
