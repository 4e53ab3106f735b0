// Catalogue snapshots on their way into the repository: by a backup, and by a refresh that has little time.
import { writeFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { refreshCatalogue, refreshCatalogueIfDue } from "../../src/archive/catalogue-refresh.ts";
import { storeCatalogue } from "../../src/backup/catalogue.ts";
import { SteppingClock } from "../../src/base/clock.fixture.ts";
import { createContext } from "../../src/base/context.ts";
import { createLog } from "../../src/base/log.ts";
import { parseBackupLabel } from "../../src/model/backup-label.ts";
import { stanzaName } from "../../src/model/stanza.ts";
import type { ConnectionSettings } from "../../src/postgres/connection.ts";
import { catalogueWantedSince, wantCatalogue } from "../../src/repository/catalogue-wanted.ts";
import { listCatalogues, readCatalogue } from "../../src/repository/catalogue.ts";
import { readManifestHeader } from "../../src/repository/manifest.ts";
import { createRepository, openRepository } from "../../src/repository/repository.ts";
import { faulty } from "../../src/storage/faulty.ts";
import { createMemoryStore } from "../../src/storage/memory.ts";
import { openStore } from "../../src/storage/open-store.ts";
import { type Cluster, startCluster } from "../harness/cluster.ts";
import { OUTER_MAJORS } from "../harness/majors.ts";
import { waitForArchived } from "../harness/wal.ts";
import { protectCluster } from "../harness/protected.ts";

const context = createContext();
const STANZA = stanzaName("main");
/** More than a refresh ever takes, also on a busy machine. */
const PATIENCE_MS = 30_000;

function settingsOf(cluster: Cluster): ConnectionSettings {
  const { socketDirectory, port } = cluster;
  return { socketDirectory, port, user: "postgres", database: "postgres" };
}

describe.each(OUTER_MAJORS)("PostgreSQL %i", (major) => {
  test("a backup stores one between its start and its stop", async () => {
    await using site = await protectCluster({ major });
    const { production, workspace } = site;
    await production.sql("create table orders (id int)");
    // Then what archive-push stores of this WAL lies before the backup.
    await waitForArchived(production);
    const label = parseBackupLabel(await site.backUp());
    const settings = { type: "posix", path: workspace.repositoryDirectory } as const;
    const repository = await openRepository(openStore(settings, context), context);
    const header = await readManifestHeader(repository, STANZA, label, context);
    const places = await listCatalogues(repository, STANZA, context);
    const within = places.filter(({ lsn }) => header.startLsn < lsn && lsn <= header.stopLsn);
    const [place] = within;
    expect(within).toHaveLength(1);
    if (!place) throw new Error("no catalogue was stored");
    expect(place.timeline).toBe(header.timeline);
    const snapshot = await readCatalogue(repository, STANZA, { place, context });
    const orders = snapshot?.databases
      .find(({ name }) => name === "postgres")
      ?.relations?.find(({ name }) => name === "orders");
    expect(String(orders?.relfilenode)).toBe(
      await production.value("select pg_relation_filenode('orders')"),
    );
  });

  test("a backup is complete without one, and says so", async () => {
    await using site = await protectCluster({ major });
    const { workspace } = site;
    // A file where the folder should be.
    await writeFile(`${workspace.repositoryDirectory}/stanza/main/catalogue`, "");
    const result = await workspace.succeed(["--type=full", "--log-level-console=warn", "backup"]);
    expect(result.stdout + result.stderr).toContain(
      "the catalogue could not be stored; the backup is complete without it",
    );
    await workspace.succeed(["show-backup", "latest"]);
  });

  test("whatever a backup cannot read is a warning", async () => {
    await using cluster = await startCluster({ major });
    await cluster.sql("create database private");
    await cluster.sql("revoke connect on database private from public");
    await cluster.sql("create role reader login");
    const { repository } = await createRepository(createMemoryStore(), context);
    const warnings: unknown[] = [];
    const log = createLog(
      "warn",
      (_level, message, fields) => void warnings.push([message, fields]),
    );
    const store = async (connection: ConnectionSettings): Promise<readonly unknown[]> => {
      await storeCatalogue({ connection, repository, stanza: STANZA }, { ...context, log });
      return warnings.splice(0);
    };
    const settings = settingsOf(cluster);
    expect(await store(settings)).toEqual([]);
    expect(await store({ ...settings, user: "reader" })).toEqual([
      [expect.stringContaining("not in the catalogue"), { databases: "private" }],
    ]);
    expect(await store({ ...settings, user: "nobody" })).toEqual([
      [expect.stringContaining("could not be stored"), { reason: expect.any(String) as string }],
    ]);
  });

  test("a refresh stores one, finds the one that is there, and never waits long", async () => {
    await using cluster = await startCluster({ major, settings: { autovacuum: false } });
    const memory = createMemoryStore();
    const { repository } = await createRepository(memory, context);
    const findServer = (): Promise<ConnectionSettings> => Promise.resolve(settingsOf(cluster));
    const whole = { repository, stanza: STANZA };
    const patient = { findServer, destinations: [whole], timeoutMs: PATIENCE_MS };
    // The first reading may leave traces in WAL; a server that rests stays where it is.
    await refreshCatalogue(patient, context);
    await cluster.sql("create table orders (id int)");
    expect(await refreshCatalogue(patient, context)).toEqual([{ kind: "stored" }]);
    const kinds = new Set<string>();
    for (let count = 0; count < 20 && !kinds.has("exists"); count += 1)
      for (const { kind } of await refreshCatalogue(patient, context)) kinds.add(kind);
    expect(kinds).toContain("exists");

    const slow = faulty(
      memory,
      [{ method: "put", times: Infinity, fault: { kind: "delay", delayMs: PATIENCE_MS } }],
      context,
    );
    await cluster.sql("create table customers (id int)");
    const beginMs = performance.now();
    const hanging = { ...whole, repository: { ...repository, store: slow } };
    const hasty = { findServer, destinations: [hanging] };
    expect(await refreshCatalogue(hasty, context)).toEqual([
      { kind: "skipped", reason: "it took longer than 200 ms" },
    ]);
    expect(performance.now() - beginMs).toBeLessThan(5_000);
    const unwritable = faulty(memory, [{ method: "put", fault: { kind: "fail" } }], context);
    const refused = { ...whole, repository: { ...repository, store: unwritable } };
    const both = { ...patient, destinations: [refused, whole] };
    expect(await refreshCatalogue(both, context)).toMatchObject([
      { kind: "skipped" },
      { kind: "stored" },
    ]);

    // What was skipped is made up for by WAL that would not have asked for it.
    await wantCatalogue(repository, STANZA, { ...context, clock: new SteppingClock() });
    const due = { ...patient, destinations: [whole], changed: false };
    const [later] = await refreshCatalogueIfDue(due, context);
    expect(["stored", "exists"]).toContain(later?.kind);
    expect(await catalogueWantedSince(repository, STANZA, context)).toBeUndefined();
    expect(await refreshCatalogueIfDue(due, context)).toEqual([]);
  });
});
