import { expect, test } from "vitest";
import type { CatalogueSnapshot } from "../model/catalogue.ts";
import { database, relation, SNAPSHOT } from "../repository/catalogue.fixture.ts";
import { chooseHoles, type PartRequest } from "./part-choice.ts";

/** A partitioned table with everything that can belong to one, and others beside it. */
const SHOP = database({
  oid: 16_400,
  name: "shop",
  schemas: [
    { oid: 99, name: "pg_toast" },
    { oid: 2200, name: "public" },
  ],
  relations: [
    relation({ oid: 1259, relfilenode: 70_000, name: "pg_class" }),
    relation({ oid: 2613, relfilenode: 2613, name: "pg_largeobject" }),
    relation({ oid: 20_000, relfilenode: 0, kind: "p", name: "orders" }),
    relation({ oid: 20_001, relfilenode: 20_001, kind: "p", name: "o_2025", parents: [20_000] }),
    relation({ oid: 20_002, relfilenode: 20_002, name: "o_2025_1", parents: [20_001] }),
    relation({
      oid: 20_003,
      relfilenode: 20_003,
      kind: "t",
      name: "toast",
      table: 20_002,
      schema: 99,
    }),
    relation({ oid: 20_004, relfilenode: 20_004, kind: "i", name: "toast_index", table: 20_002 }),
    relation({ oid: 20_005, relfilenode: 20_005, kind: "i", name: "o_2025_1_key", table: 20_002 }),
    relation({ oid: 20_006, relfilenode: 20_006, kind: "S", name: "orders_id_seq", table: 20_000 }),
    relation({ oid: 20_010, relfilenode: 20_010, name: "items" }),
    relation({ oid: 20_011, relfilenode: 20_011, kind: "i", name: "items_key", table: 20_010 }),
    relation({ oid: 20_012, relfilenode: 0, kind: "v", name: "a_view" }),
    relation({ oid: 20_013, relfilenode: 20_013, kind: "m", name: "Summary" }),
  ],
});
const OTHER = database({
  oid: 16_401,
  name: "other",
  relations: [
    relation({ oid: 2613, relfilenode: 2613, name: "pg_largeobject" }),
    relation({ oid: 30_000, relfilenode: 30_000, name: "orders" }),
  ],
});
const UNREAD = database({ oid: 16_402, name: "closed", lsn: undefined, relations: undefined });
const TEMPLATE = database({ oid: 1, name: "template1", isTemplate: true });
const snapshot: CatalogueSnapshot = {
  ...SNAPSHOT,
  databases: [...SNAPSHOT.databases.slice(0, 1), TEMPLATE, SHOP, OTHER, UNREAD],
};

function holes(parts: Partial<PartRequest>): readonly string[] {
  const request = { tables: [], databases: [], exceptDatabases: [], ...parts };
  return chooseHoles(snapshot, request).map(({ label }) => label);
}

test("a table is wanted with its partitions, their TOAST and indexes, and the sequences of its columns", () => {
  expect(holes({ tables: ["shop.public.orders"] })).toEqual([
    "shop.public.pg_largeobject",
    "shop.public.items",
    "shop.public.items_key",
    "shop.public.Summary",
    "other.public.pg_largeobject",
    "other.public.orders",
  ]);
});

test("several tables and a materialized view with a quoted name", () => {
  const found = holes({
    tables: ['shop.public."Summary"', "shop.public.items", "other.public.orders"],
  });
  expect(found).toContain("shop.public.o_2025_1");
  expect(found).not.toContain("shop.public.Summary");
  expect(found).not.toContain("shop.public.items_key");
  expect(found).not.toContain("other.public.orders");
});

test("whole databases, and all but some; system catalogues, templates and what nobody knows are never left out", () => {
  expect(holes({ databases: ["other"] }).every((name) => name.startsWith("shop."))).toBe(true);
  expect(holes({ databases: ["other"] })).not.toContain("shop.public.pg_class");
  expect(holes({ exceptDatabases: ["shop"] })).toEqual(holes({ databases: ["other"] }));
  expect(holes({ exceptDatabases: ["other"] })).toEqual([
    "other.public.pg_largeobject",
    "other.public.orders",
  ]);
  expect(holes({ exceptDatabases: ["closed"] })).toEqual([]);
  expect(holes({ databases: ["shop"], tables: ["other.public.orders"] })).toEqual([
    "other.public.pg_largeobject",
  ]);
});

test.each([
  [{ tables: ["shop.public.missing"] }, "RELATION_UNKNOWN"],
  [{ tables: ["shop.pg_toast.orders"] }, "RELATION_UNKNOWN"],
  [{ tables: ["shop.public.items_key"] }, "RELATION_UNKNOWN"],
  [{ tables: ["public.orders"] }, "RELATION_INVALID"],
  [{ tables: ["nowhere.public.orders"] }, "CONFIG_OPTION_INVALID"],
  [{ databases: ["nowhere"] }, "CONFIG_OPTION_INVALID"],
  [{ exceptDatabases: ["nowhere"] }, "CONFIG_OPTION_INVALID"],
  [{ tables: ["closed.public.orders"] }, "PART_IMPOSSIBLE"],
] as const)("%j is refused with %s", (parts, code) => {
  expect(() => holes(parts)).toThrow(expect.objectContaining({ code }));
});
