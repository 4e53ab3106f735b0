import { expect, test } from "vitest";
import { createContext } from "../base/context.ts";
import { createLog } from "../base/log.ts";
import { sha256 } from "../codec/digest.ts";
import { type BackupLabel, parseBackupLabel } from "../model/backup-label.ts";
import { createTombstone } from "./backup-removal.ts";
import {
  commitBackup,
  createIntent,
  listBackups,
  newestLabel,
  readBackupSet,
  readIntent,
  readOutcome,
  revokeBackup,
} from "./backup-set.ts";
import {
  createFixture,
  undetectedDamage,
  type Fixture,
  LABEL,
  replaceStored,
  STANZA,
  storedBytes,
} from "./repository.fixture.ts";

const HASH = "ab".repeat(32);
const FACTS = {
  prior: undefined,
  host: "db1",
  startedAt: Temporal.Instant.from("2026-11-21T02:40:00Z"),
};
const FOLDER = "stanza/main/backup/20261121-024000F";
const DIFF = parseBackupLabel("20261121-024000F_20261123-000000D");
const LATER = parseBackupLabel("20261122-024000F");

async function commit({ store, repository, context }: Fixture, label: BackupLabel): Promise<void> {
  expect(await createIntent(repository, STANZA, label, FACTS, context)).toBe(true);
  await store.put(`stanza/main/backup/${label}/manifest`, Buffer.from("not read here"));
  await commitBackup(repository, STANZA, label, HASH, context);
}

test("golden bytes of intent, outcome and tombstone", async () => {
  const fixture = await createFixture();
  const { repository, store, context } = fixture;
  await commit(fixture, LABEL);
  await createTombstone(repository, STANZA, LABEL, { reason: "expired", context });
  await createIntent(repository, STANZA, DIFF, { ...FACTS, prior: LABEL }, context);
  await revokeBackup(repository, STANZA, DIFF, context);
  const json = async (key: string): Promise<string> =>
    (await storedBytes(store, key)).subarray(80 + key.length + 4 + 16).toString();
  const nonce = /^\{"nonce":"[0-9a-f]{32}","prior":/;
  expect(await json(`${FOLDER}/intent`)).toMatch(nonce);
  expect((await json(`${FOLDER}/intent`)).replace(nonce, "")).toBe(
    'null,"host":"db1","startedAt":"2026-11-21T02:40:00Z"}',
  );
  expect(await json(`${FOLDER}/outcome`)).toBe(
    `{"state":"committed","manifestSha256":"${HASH}","decidedAt":"2026-11-21T02:40:00.5Z"}`,
  );
  expect(await json(`stanza/main/backup/${DIFF}/outcome`)).toBe(
    '{"state":"revoked","manifestSha256":null,"decidedAt":"2026-11-21T02:40:00.5Z"}',
  );
  expect(await json(`${FOLDER}/tombstone`)).toBe(
    '{"reason":"expired","createdAt":"2026-11-21T02:40:00.5Z"}',
  );
  const hash = async (part: string): Promise<string> =>
    sha256(await storedBytes(store, `${FOLDER}/${part}`)).toString("hex");
  expect([await hash("intent"), await hash("outcome"), await hash("tombstone")]).toEqual([
    "659471c28e4c1c4d53f45add0fa62676953f881cfadd64fa88e2fe3a58bb2fb3",
    "2d64eebb9a107d2616a2a288dafbd4eb0582175efbd48db5bfbb86f6f9249e39",
    "745df5715bbd56dcd243b13659976111cd74c5ed6dbe8cad01ee7b1143ef68a5",
  ]);
});

test("a backup is listed from its commit to its tombstone", async () => {
  const fixture = await createFixture();
  const { repository, context } = fixture;
  await createIntent(repository, STANZA, LABEL, FACTS, context);
  expect(await listBackups(repository, STANZA, context)).toEqual([]);
  await fixture.store.put(`${FOLDER}/manifest`, Buffer.from("x"));
  expect(await listBackups(repository, STANZA, context)).toEqual([]);
  await commitBackup(repository, STANZA, LABEL, HASH, context);
  expect(await listBackups(repository, STANZA, context)).toEqual([LABEL]);
  await createTombstone(repository, STANZA, LABEL, { reason: "expired", context });
  await createTombstone(repository, STANZA, LABEL, { reason: "expired", context });
  expect(await listBackups(repository, STANZA, context)).toEqual([]);
  expect(await readBackupSet(repository, STANZA, context)).toMatchObject({ removed: [LABEL] });
});

test("a label belongs to whoever reserved it first", async () => {
  const { repository, context } = await createFixture();
  const answers = await Promise.all(
    Array.from({ length: 3 }, () => createIntent(repository, STANZA, LABEL, FACTS, context)),
  );
  expect(answers.filter((isMine) => isMine)).toHaveLength(1);
  expect(await readIntent(repository, STANZA, LABEL, context)).toEqual(FACTS);
});

test("a create whose answer was lost and that is sent again still owns the label", async () => {
  const { repository, store, context } = await createFixture();
  const doubled: typeof repository = {
    ...repository,
    store: {
      ...store,
      put: async (key, content, options) => {
        await store.put(key, content, options);
        return await store.put(key, content, options);
      },
    },
  };
  expect(await createIntent(doubled, STANZA, LABEL, FACTS, context)).toBe(true);
  await store.put(`${FOLDER}/manifest`, Buffer.from("x"));
  await expect(commitBackup(doubled, STANZA, LABEL, HASH, context)).resolves.toBeUndefined();
});

test("a revoked backup can never be committed", async () => {
  const { repository, store, context } = await createFixture();
  await createIntent(repository, STANZA, LABEL, FACTS, context);
  await store.put(`${FOLDER}/manifest`, Buffer.from("x"));
  expect(await revokeBackup(repository, STANZA, LABEL, context)).toBe("revoked");
  await expect(commitBackup(repository, STANZA, LABEL, HASH, context)).rejects.toMatchObject({
    code: "BACKUP_REVOKED",
    exitCode: 27,
  });
  expect(await readBackupSet(repository, STANZA, context)).toMatchObject({
    committed: [],
    revoked: [LABEL],
  });
});

test("a committed backup can not be revoked, nor committed with another manifest", async () => {
  const fixture = await createFixture();
  const { repository, context } = fixture;
  await commit(fixture, LABEL);
  expect(await revokeBackup(repository, STANZA, LABEL, context)).toBe("committed");
  await commitBackup(repository, STANZA, LABEL, HASH, context);
  await expect(
    commitBackup(repository, STANZA, LABEL, "cd".repeat(32), context),
  ).rejects.toMatchObject({ code: "BACKUP_REVOKED" });
  expect(await listBackups(repository, STANZA, context)).toEqual([LABEL]);
});

test("of commit and revoke at once, one wins and both know", async () => {
  const { repository, store, context } = await createFixture();
  await store.put(`${FOLDER}/manifest`, Buffer.from("x"));
  const [committed, state] = await Promise.all([
    commitBackup(repository, STANZA, LABEL, HASH, context).then(
      () => "committed",
      () => "revoked",
    ),
    revokeBackup(repository, STANZA, LABEL, context),
  ]);
  expect(state).toBe(committed);
});

test("without a manifest there is nothing to commit", async () => {
  const { repository, context } = await createFixture();
  await expect(commitBackup(repository, STANZA, LABEL, HASH, context)).rejects.toMatchObject({
    code: "OBJECT_MISSING",
  });
});

test("backups are ordered by their own time; the newest label counts unfinished ones", async () => {
  const fixture = await createFixture();
  const { repository, context } = fixture;
  expect(await newestLabel(repository, STANZA, context)).toBeUndefined();
  for (const label of [DIFF, LABEL, LATER]) await commit(fixture, label);
  expect(await listBackups(repository, STANZA, context)).toEqual([LABEL, LATER, DIFF]);
  expect(await newestLabel(repository, STANZA, context)).toBe(DIFF);
  const unfinished = parseBackupLabel("20261124-000000F");
  await createIntent(repository, STANZA, unfinished, FACTS, context);
  expect(await newestLabel(repository, STANZA, context)).toBe(unfinished);
  expect(await readBackupSet(repository, STANZA, context)).toMatchObject({
    unfinished: [unfinished],
  });
});

test("every damage of an outcome is found", async () => {
  const fixture = await createFixture();
  const { repository, store, context } = fixture;
  await commit(fixture, LABEL);
  const read = () => readOutcome(repository, STANZA, LABEL, context);
  expect(await undetectedDamage(store, `${FOLDER}/outcome`, read)).toEqual([]);
});

test("every damage of an intent is found", async () => {
  const { repository, store, context } = await createFixture();
  await createIntent(repository, STANZA, LABEL, FACTS, context);
  const read = () => readIntent(repository, STANZA, LABEL, context);
  expect(
    await undetectedDamage(store, `${FOLDER}/intent`, read, { flippedBytesCount: 80 }),
  ).toEqual([]);
});

test("a damaged outcome hides its own backup, loudly, and no other", async () => {
  const fixture = await createFixture();
  const { repository, store } = fixture;
  const warnings: string[] = [];
  const log = createLog("warn", (_level, message) => warnings.push(message));
  const context = createContext({ log });
  await commit(fixture, LABEL);
  await commit(fixture, LATER);
  store.tamper(`${FOLDER}/outcome`, (bytes) => bytes.subarray(1));
  expect(await listBackups(repository, STANZA, context)).toEqual([LATER]);
  expect(warnings).toHaveLength(1);
  const { damaged } = await readBackupSet(repository, STANZA, context);
  expect(damaged).toMatchObject([{ label: LABEL, error: { code: "OBJECT_CORRUPT" } }]);
});

test("another backup's outcome in its place commits nothing", async () => {
  const fixture = await createFixture();
  const { repository, store, context } = fixture;
  await commit(fixture, LATER);
  await createIntent(repository, STANZA, LABEL, FACTS, context);
  await revokeBackup(repository, STANZA, LABEL, context);
  const theirs = await storedBytes(store, `stanza/main/backup/${LATER}/outcome`);
  replaceStored(store, `${FOLDER}/outcome`, theirs);
  expect(await listBackups(repository, STANZA, context)).toEqual([LATER]);
  await expect(readOutcome(repository, STANZA, LABEL, context)).rejects.toMatchObject({
    code: "OBJECT_CORRUPT",
  });
});

test("objects of later releases beside a backup are no concern", async () => {
  const fixture = await createFixture();
  const { repository, store, context } = fixture;
  await commit(fixture, LABEL);
  await store.put(`${FOLDER}/future`, Buffer.from("x"));
  await store.put("stanza/main/backup/not-a-label/outcome", Buffer.from("x"));
  expect(await listBackups(repository, STANZA, context)).toEqual([LABEL]);
});
