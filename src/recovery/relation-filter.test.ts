import { describe, expect, test } from "vitest";
import { LSN_ZERO } from "../model/lsn.ts";
import { parseRelationName } from "../model/relation-name.ts";
import { relation } from "../repository/catalogue.fixture.ts";
import { bookWith, identityOf, ITEMS_TABLE, ORDERS_TABLE, SCHEMA } from "./find.fixture.ts";
import { RelationFilter } from "./relation-filter.ts";

describe("a name means", () => {
  const parent = relation({ oid: 20_100, relfilenode: 0, name: "parts", kind: "p" });
  const child = relation({ oid: 20_101, name: "parts_1", parents: [parent.oid] });
  const grandchild = relation({ oid: 20_102, name: "parts_1_a", parents: [child.oid] });
  const index = relation({ oid: 20_103, name: "orders", kind: "i", schema: SCHEMA.toast });
  const other = relation({ oid: 20_104, name: "items", schema: SCHEMA.sales });
  const tables = [ORDERS_TABLE, ITEMS_TABLE, parent, child, grandchild, index, other];
  const filterOf = (text: string): RelationFilter =>
    new RelationFilter(parseRelationName(text), bookWith(tables));
  const matched = (text: string): readonly string[] => {
    const filter = filterOf(text);
    return tables
      .filter((each) => {
        const schema = Object.entries(SCHEMA).find(([, oid]) => oid === each.schema)?.[0];
        return filter.matches(identityOf(each, schema), LSN_ZERO);
      })
      .map(({ oid, name }) => `${name} ${oid}`);
  };

  test("the table, not an index of that name", () => {
    expect(matched("orders")).toEqual(["orders 20001"]);
    filterOf("orders").requireOne();
  });

  test("everything below a partitioned table, and nothing above", () => {
    expect(matched("parts")).toEqual(["parts 20100", "parts_1 20101", "parts_1_a 20102"]);
    expect(matched("parts_1")).toEqual(["parts_1 20101", "parts_1_a 20102"]);
  });

  test("the table of the schema and database that are given", () => {
    expect(matched("sales.items")).toEqual(["items 20104"]);
    expect(matched("shop.public.items")).toEqual(["items 20002"]);
    expect(matched("attic.public.items")).toEqual([]);
    filterOf("public.items").requireOne();
  });

  test("a table that is met only later, too", () => {
    const filter = filterOf("fleeting");
    expect(() => filter.requireOne()).toThrow(
      expect.objectContaining({ code: "RELATION_UNKNOWN", exitCode: 2 }),
    );
    const fleeting = identityOf(relation({ oid: 20_200, name: "fleeting" }));
    expect(filter.matches(fleeting, LSN_ZERO)).toBe(true);
    filter.requireOne();
  });

  test("no single one where it fits several schemas: they are listed, and how to choose", () => {
    expect(() => filterOf("items").requireOne()).toThrow(
      expect.objectContaining({
        code: "RELATION_AMBIGUOUS",
        message: "items may be shop.public.items or shop.sales.items",
        hint: "Say which: --table=shop.public.items.",
      }),
    );
  });

  test("a table in a database of which only the number is known; the choice can be typed", () => {
    const elsewhere = { ...identityOf(ITEMS_TABLE), database: 24_582, schema: undefined };
    const filter = filterOf("items");
    expect(filter.matches(elsewhere, LSN_ZERO)).toBe(true);
    expect(() => filter.requireOne()).toThrow(
      expect.objectContaining({
        message: "items may be 24582.?.items or shop.public.items or shop.sales.items",
        hint: "Say which: --table=24582.?.items.",
      }),
    );
    const chosen = filterOf("24582.?.items");
    expect(chosen.matches(elsewhere, LSN_ZERO)).toBe(true);
    expect(chosen.matches(identityOf(ITEMS_TABLE), LSN_ZERO)).toBe(false);
    chosen.requireOne();
  });

  test.each([
    ["shop.items", "There is shop.public.items, shop.sales.items."],
    ["public.ordres", "There is shop.public.orders."],
    ['"Something else"', expect.stringContaining("Names come from catalogues")],
  ])("nothing with %s: the whole name is told, and what is near", (name, hint) => {
    expect(() => filterOf(name).requireOne()).toThrow(
      expect.objectContaining({
        code: "RELATION_UNKNOWN",
        message: `no table ${name} is known`,
        hint,
      }),
    );
  });
});
