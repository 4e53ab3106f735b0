import fc from "fast-check";
import { expect, test } from "vitest";
import { formatRelationName, parseRelationName } from "./relation-name.ts";

test.each<[text: string, parts: readonly (string | undefined)[]]>([
  ["orders", [undefined, undefined, "orders"]],
  ["Orders", [undefined, undefined, "orders"]],
  ["sales.orders", [undefined, "sales", "orders"]],
  ["Shop.Sales.Orders", ["shop", "sales", "orders"]],
  ['"Orders"', [undefined, undefined, "Orders"]],
  ['public."Odd.Name"', [undefined, "public", "Odd.Name"]],
  ['"a ""b"" c".x', [undefined, 'a "b" c', "x"]],
  ['"é\n".ß', [undefined, "é\n", "ß"]],
  ["ÄPFEL", [undefined, undefined, "Äpfel"]],
  ["24582.?.other", ["24582", undefined, "other"]],
  ['"?".other', [undefined, "?", "other"]],
])("%j is read as SQL reads it", (text, [database, schema, name]) => {
  expect(parseRelationName(text)).toEqual({ database, schema, name });
});

test.each(["", ".", "a.", ".a", "a..b", "a.b.c.d", '"a', 'a"b', '"a"b', '""', 'a."".b', '"a"."'])(
  "%j is no name",
  (text) => {
    expect(() => parseRelationName(text)).toThrow(
      expect.objectContaining({ code: "RELATION_INVALID", exitCode: 2 }),
    );
  },
);

test.each([
  [{ database: "postgres", schema: "public", name: "orders" }, "postgres.public.orders"],
  [{ database: "postgres", schema: "public", name: "Ödd Näme" }, 'postgres.public."Ödd Näme"'],
  [{ database: "postgres", schema: "My.Sch", name: "t.1" }, 'postgres."My.Sch"."t.1"'],
  [{ database: 24_582, schema: undefined, name: "other" }, "24582.?.other"],
  [{ database: "24582", schema: "?", name: 'a"b' }, '"24582"."?"."a""b"'],
  [{ schema: "public", name: "orders" }, "public.orders"],
  [{ schema: undefined, name: "1st" }, '"1st"'],
])("%j is written %s", (name, text) => {
  expect(formatRelationName(name)).toBe(text);
});

test("what is written is read as the same name", () => {
  const part = fc.string({ minLength: 1, unit: "grapheme" });
  fc.assert(
    fc.property(part, part, part, (database, schema, name) => {
      const written = { database, schema, name };
      expect(parseRelationName(formatRelationName(written))).toEqual(written);
    }),
  );
});
