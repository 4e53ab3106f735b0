import { expect, test } from "vitest";
import { foundRelation, identityOf, ORDERS_TABLE, stepLsn } from "../../recovery/find.fixture.ts";
import { effectsText, placeEffectText, placeName, relationName } from "./relation-effects.ts";

const AT = Temporal.Instant.from("2026-11-25T08:00:00Z");

test.each([
  [{}, ""],
  [{ deleted: 12_003, inserted: 4 }, "12,003 deleted, 4 inserted"],
  [{ inserted: 1, updated: 2, deleted: 3 }, "3 deleted, 2 updated, 1 inserted"],
  [{ movedOut: 30, movedIn: 20, updated: 1 }, "1 updated, 30 moved out, 20 moved in"],
  [{ dropped: true }, "DROPPED (nobody knows how many rows)"],
  [
    { dropped: true, rowsBefore: { rows: 5000, at: AT }, deleted: 2 },
    "DROPPED (PostgreSQL estimated 5,000 rows at 2026-11-25 09:00:00+01:00), 2 deleted",
  ],
  [
    { truncated: true, rowsBefore: { rows: 1, at: undefined } },
    "TRUNCATED (1 row, counted in WAL)",
  ],
  [
    { replacedBy: 40, rowsBefore: { rows: 1200, at: undefined } },
    "ALL ROWS (1,200 rows, counted in WAL) REPLACED by 40",
  ],
  [{ replacedBy: 0 }, "ALL ROWS (nobody knows how many rows) REPLACED by 0"],
  [{ rewritten: true, inserted: 2 }, "2 inserted, rewritten, same rows"],
])("%o is %j", (parts, text) => {
  expect(effectsText(foundRelation(parts), "Europe/Paris")).toBe(text);
});

test("names can be typed again", () => {
  const strange = foundRelation({ database: "24582", schema: undefined, name: "t.1" });
  const unnamed = { ...identityOf(ORDERS_TABLE), database: 24_582 };
  expect(relationName(foundRelation())).toBe("shop.public.orders");
  expect(relationName(strange)).toBe('"24582".?."t.1"');
  expect(relationName({ ...strange, identity: unnamed })).toBe('24582.?."t.1"');
  expect(relationName({ ...strange, identity: undefined })).toBe("file t.1");
});

test("databases and tablespaces have a name, else a number", () => {
  const lsn = stepLsn(1, 0);
  const place = {
    lsn,
    what: "DROP DATABASE",
    oid: 16_400,
    name: "My shop",
    estimate: undefined,
  } as const;
  expect(placeName(place)).toBe('database "My shop"');
  expect(placeName({ ...place, name: undefined })).toBe("database with OID 16400");
  expect(placeName({ ...place, what: "DROP TABLESPACE", name: undefined })).toBe(
    "tablespace with OID 16400",
  );
  expect(placeEffectText({ ...place, estimate: { rows: 5000, at: AT } }, "UTC")).toBe(
    "DROPPED (PostgreSQL estimated 5,000 rows at 2026-11-25 08:00:00+00:00)",
  );
  expect(placeEffectText({ ...place, what: "DROP TABLESPACE" }, "UTC")).toBe("DROPPED");
});
