import { expect, test } from "vitest";
import { faulty } from "../storage/faulty.ts";
import { addAnnotation, applyAnnotations, readAnnotations } from "./annotation.ts";
import { listBackupHeaders, readBackupHeader } from "./backup-headers.ts";
import { removeBackupFacts } from "./backup-removal.ts";
import { ENTRIES, writeEntries } from "./manifest.fixture.ts";
import { createFixture, LABEL, STANZA, storedBytes } from "./repository.fixture.ts";

const FOLDER = `stanza/main/annotation/${LABEL}`;

test("golden bytes of a change", async () => {
  const { repository, store, context } = await createFixture();
  await addAnnotation(repository, STANZA, LABEL, { notes: { reason: "audit", old: "" }, context });
  const key = `${FOLDER}/1`;
  expect((await storedBytes(store, key)).subarray(80 + key.length + 4 + 16).toString()).toBe(
    '{"notes":{"reason":"audit","old":""},"createdAt":"2026-11-21T02:40:00.5Z"}',
  );
});

test("later notes replace earlier ones and the backup's own; an empty one takes the note away", () => {
  expect(
    applyAnnotations({ a: "1", b: "2", c: "3" }, [
      { b: "", d: "4" },
      { a: "5", b: "6" },
      { d: "" },
    ]),
  ).toEqual({ a: "5", b: "6", c: "3" });
});

test("headers show the notes as they are now, past the ninth change as well", async () => {
  const fixture = await createFixture();
  const { repository, context, store } = fixture;
  await writeEntries(fixture, ENTRIES);
  for (let count = 1; count <= 11; count += 1) {
    await addAnnotation(repository, STANZA, LABEL, { notes: { count: String(count) }, context });
  }
  await addAnnotation(repository, STANZA, LABEL, { notes: { reason: "" }, context });
  const header = await readBackupHeader(repository, STANZA, LABEL, context);
  expect(header.annotations).toEqual({ count: "11" });
  expect((await listBackupHeaders(repository, STANZA, context))[0]).toEqual(header);
  // A damaged change is passed over.
  store.tamper(`${FOLDER}/12`, (bytes) => bytes.subarray(0, 100));
  expect((await readBackupHeader(repository, STANZA, LABEL, context)).annotations).toEqual({
    reason: "before the upgrade",
    count: "11",
  });
  await removeBackupFacts(repository, STANZA, LABEL, context);
  expect(store.keys().filter((key) => key.startsWith(FOLDER))).toEqual([]);
});

test("two changes at once both count", async () => {
  const { repository, context } = await createFixture();
  await Promise.all(
    ["a", "b", "c"].map((name) =>
      addAnnotation(repository, STANZA, LABEL, { notes: { [name]: "x" }, context }),
    ),
  );
  const changes = await readAnnotations(repository, STANZA, context);
  expect(applyAnnotations({}, changes.get(LABEL))).toEqual({ a: "x", b: "x", c: "x" });
});

test("whatever call of the store fails, doing it again sets the note", async () => {
  for (let nth = 1; nth <= 3; nth += 1) {
    const { repository, store, context } = await createFixture();
    const rule = { nth, fault: { kind: "fail", when: "after" } } as const;
    const place = { ...repository, store: faulty(store, [rule], context) };
    const change = { notes: { reason: "audit" }, context };
    await addAnnotation(place, STANZA, LABEL, change).catch(() => undefined);
    await addAnnotation(repository, STANZA, LABEL, change);
    const changes = await readAnnotations(repository, STANZA, context);
    expect(applyAnnotations({}, changes.get(LABEL))).toEqual({ reason: "audit" });
  }
});
