import { expect, test } from "vitest";
import { sha256 } from "../codec/digest.ts";
import { stanzaName } from "../model/stanza.ts";
import { systemIdentifier } from "../model/system-identifier.ts";
import {
  CLUSTER,
  createFixture,
  undetectedDamage,
  replaceStored,
  STANZA,
  storedBytes,
} from "./repository.fixture.ts";
import {
  archiveId,
  createStanza,
  listStanzaRecords,
  listStanzas,
  readStanza,
  upgradeStanza,
} from "./stanza.ts";

const KEY = "stanza/main/stanza/1";

test("golden bytes of a stanza's record", async () => {
  const { store } = await createFixture();
  const bytes = await storedBytes(store, KEY);
  expect(bytes.subarray(80 + KEY.length + 4 + 16).toString("latin1")).toBe(
    '{"databaseId":1,"systemIdentifier":"7427163219804653187","majorVersion":18,' +
      '"catalogVersion":202506291,"controlVersion":1800,"segmentSizeBytes":1048576,' +
      '"createdAt":"2026-11-21T02:40:00.5Z"}',
  );
  expect(sha256(bytes).toString("hex")).toBe(
    "82b960c35eb1d826640aec0747808c87c1e72688588f48c38e616f15e23e567c",
  );
});

test("a record comes back as it was", async () => {
  const { repository, archive, context } = await createFixture();
  const record = await readStanza(repository, STANZA, context);
  expect(record).toEqual(archive.record);
  expect(record).toMatchObject({ ...CLUSTER, number: 1, databaseId: 1 });
  expect(archiveId(record)).toBe("18-1");
});

test("the same cluster again is fine, another one is refused", async () => {
  const { store, repository, context } = await createFixture();
  const again = await createStanza(repository, STANZA, CLUSTER, context);
  expect(again.created).toBe(false);
  const before = await storedBytes(store, KEY);
  const other = { ...CLUSTER, systemIdentifier: systemIdentifier(CLUSTER.systemIdentifier + 1n) };
  await expect(createStanza(repository, STANZA, other, context)).rejects.toMatchObject({
    code: "CLUSTER_MISMATCH",
    exitCode: 23,
    message: expect.stringContaining("7427163219804653187") as string,
  });
  await expect(
    createStanza(repository, STANZA, { ...CLUSTER, majorVersion: 17 }, context),
  ).rejects.toMatchObject({ code: "CLUSTER_MISMATCH" });
  expect(await storedBytes(store, KEY)).toEqual(before);
});

test("every damage of a stanza's record is found", async () => {
  const { store, repository, context } = await createFixture();
  expect(await undetectedDamage(store, KEY, () => readStanza(repository, STANZA, context))).toEqual(
    [],
  );
});

test("another stanza's record in its place is refused", async () => {
  const { store, repository, context } = await createFixture();
  await createStanza(repository, stanzaName("other"), CLUSTER, context);
  replaceStored(store, KEY, await storedBytes(store, "stanza/other/stanza/1"));
  await expect(readStanza(repository, STANZA, context)).rejects.toMatchObject({
    code: "OBJECT_CORRUPT",
    message: expect.stringContaining("stanza/other/stanza/1, copied here") as string,
  });
});

test("stanzas are listed by name; an unknown one says so", async () => {
  const { repository, context } = await createFixture();
  await createStanza(repository, stanzaName("alpha"), CLUSTER, context);
  expect(await listStanzas(repository, context)).toEqual(["alpha", "main"]);
  await expect(readStanza(repository, stanzaName("nobody"), context)).rejects.toMatchObject({
    code: "STANZA_UNKNOWN",
  });
});

test("the highest number is the current cluster, counted as a number", async () => {
  const { store, repository, context } = await createFixture();
  await store.put("stanza/main/stanza/9", Buffer.from("older, never read"));
  await store.put("stanza/main/stanza/10", Buffer.from("not a record"));
  await expect(readStanza(repository, STANZA, context)).rejects.toMatchObject({
    code: "OBJECT_CORRUPT",
    context: { key: "stanza/main/stanza/10" },
  });
});

test("an upgrade adds a record, once, and what came before stays", async () => {
  const { repository, context } = await createFixture();
  const facts = { ...CLUSTER, majorVersion: 19, systemIdentifier: systemIdentifier(4711n) };
  const same = await upgradeStanza(repository, STANZA, CLUSTER, context);
  expect(same).toMatchObject({ created: false, record: { number: 1 } });
  const upgraded = await upgradeStanza(repository, STANZA, facts, context);
  expect(upgraded).toMatchObject({ created: true, record: { ...facts, number: 2, databaseId: 2 } });
  expect(await upgradeStanza(repository, STANZA, facts, context)).toMatchObject({
    created: false,
    record: { number: 2 },
  });
  const records = await listStanzaRecords(repository, STANZA, context);
  expect(records.map((record) => archiveId(record))).toEqual(["18-1", "19-2"]);
  await expect(
    upgradeStanza(repository, stanzaName("nobody"), facts, context),
  ).rejects.toMatchObject({ code: "STANZA_UNKNOWN" });
});
