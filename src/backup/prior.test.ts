import { expect, test } from "vitest";
import { parseBackupLabel } from "../model/backup-label.ts";
import { lsn } from "../model/lsn.ts";
import { timeline } from "../model/timeline.ts";
import type { ClusterFacts } from "../postgres/cluster-facts.ts";
import { createTombstone } from "../repository/backup-removal.ts";
import { createIntent } from "../repository/backup-set.ts";
import { HEADER, writeEntries } from "../repository/manifest.fixture.ts";
import type { ManifestHeader } from "../repository/manifest.ts";
import { packKey } from "../repository/keys.ts";
import { createFixture, type Fixture, LABEL, STANZA } from "../repository/repository.fixture.ts";
import { FACTS, RECORD } from "./backup.fixture.ts";
import { reserveLabel } from "./label.ts";
import { findPriorFault, type PriorGround } from "./prior.ts";

const HISTORY = { timeline: timeline(1), ancestors: [] };
const FORKED = {
  timeline: timeline(2),
  ancestors: [{ timeline: timeline(1), switchLsn: lsn(0x3000000n), reason: "" }],
};

test.each<[string, Partial<ManifestHeader>, Partial<ClusterFacts>, RegExp]>([
  ["the same cluster", {}, {}, /^nothing$/],
  ["another cluster", { systemIdentifier: 1n as never }, {}, /another cluster/],
  ["another catalogue version", {}, { catalogVersion: 1 }, /another cluster or version/],
  ["checksums switched on", { dataChecksums: false }, {}, /switched on/],
  ["checksums switched off", {}, { dataChecksums: false }, /switched off/],
  ["another block size", {}, { blockSizeBytes: 32_768 }, /another form/],
  ["another size of relation files", {}, { relationSegmentBlocks: 7 }, /another form/],
])("a backup of %s", (_what, header, facts, fault) => {
  const found = findPriorFault(
    { ...HEADER, ...header },
    { facts: { ...FACTS, ...facts }, history: HISTORY },
  );
  expect(found ?? "nothing").toMatch(fault);
});

test("only what ended on the path of the server's timelines can be built upon", () => {
  const facts = { ...FACTS, timeline: timeline(2) };
  const fault = (header: Partial<ManifestHeader>): string | undefined =>
    findPriorFault({ ...HEADER, ...header }, { facts, history: FORKED });
  const before = { startLsn: lsn(0x2000028n), stopLsn: lsn(0x3000000n) };
  expect(fault(before)).toBeUndefined();
  expect(fault({ ...before, stopLsn: lsn(0x3000001n) })).toMatch(/which this server left before/);
  expect(fault({ ...before, timeline: timeline(3) })).toMatch(/which this server left before/);
  expect(fault({ ...before, timeline: timeline(2) })).toBeUndefined();
  const unknown = findPriorFault({ ...HEADER, ...before }, { facts, history: undefined });
  expect(unknown).toMatch(/history of timeline 2 is not known/);
});

/** A committed full backup whose packs are there, but for those that `without` names. */
async function backedUp(without: readonly number[] = []): Promise<Fixture> {
  const fixture = await createFixture();
  const { repository, context } = fixture;
  const facts = { prior: undefined, host: "db1", startedAt: context.clock.now() };
  await createIntent(repository, STANZA, LABEL, facts, context);
  const header = { ...HEADER, stopLsn: lsn(0x2000100n) };
  await writeEntries(fixture, [], { header });
  for (const [place, { label, number, sizeBytes }] of HEADER.packs.entries()) {
    if (without.includes(place)) continue;
    await repository.store.put(packKey(STANZA, label, number), Buffer.alloc(sizeBytes), {});
  }
  return fixture;
}

function groundOf({ repository }: Fixture): PriorGround {
  const archive = { repository, stanza: STANZA, record: RECORD };
  return { archive, facts: FACTS, history: HISTORY };
}

test("an incremental backup builds on the last one, and names it in its intent", async () => {
  const fixture = await backedUp();
  const reserved = await reserveLabel("incr", groundOf(fixture), fixture.context);
  expect(reserved).toMatchObject({ type: "incr", prior: { label: LABEL } });
  expect(reserved.label).toMatch(new RegExp(`^${LABEL}_[0-9-]+I$`));
});

test.each([[0], [1]])("a backup without pack %i of its table is not built upon", async (place) => {
  const fixture = await backedUp([place]);
  const reserved = await reserveLabel("diff", groundOf(fixture), fixture.context);
  expect(reserved).toMatchObject({ type: "full", prior: undefined });
  expect(reserved.label).toMatch(/^[0-9-]+F$/);
});

test("a backup that is removed after it was chosen is not built upon, and the label that named it is revoked", async () => {
  const fixture = await backedUp();
  const { repository, store, context } = fixture;
  const put = store.put.bind(store);
  store.put = async (key, content, options) => {
    const outcome = await put(key, content, options);
    if (key.includes("I/intent")) {
      store.put = put;
      await createTombstone(repository, STANZA, LABEL, { reason: "test", context });
    }
    return outcome;
  };
  const reserved = await reserveLabel("incr", groundOf(fixture), context);
  expect(reserved).toMatchObject({ type: "full", prior: undefined });
  const revoked = store.keys().filter((key) => key.endsWith("I/outcome"));
  expect(revoked).toHaveLength(1);
  expect(parseBackupLabel(revoked[0]?.split("/").at(-2) ?? "")).toMatch(/I$/);
});
