import { describe, expect, test } from "vitest";
import { type Lsn, lsn } from "../model/lsn.ts";
import { database, relation } from "../repository/catalogue.fixture.ts";
import { ITEMS, ORDERS } from "../wal/index.fixture.ts";
import {
  bookWith,
  classRow,
  file,
  identityOf,
  ITEMS_TABLE,
  ORDERS_TABLE,
  SCHEMA,
  SHOP,
  snapshotWith,
} from "./find.fixture.ts";
import { RelationBook, rewrittenRelation } from "./relation-book.ts";

const at = (position: number): Lsn => lsn(BigInt(position));

/** A book with snapshots of `orders` under these names, each at its position. */
function bookOf(...names: readonly (readonly [position: number, name: string])[]): RelationBook {
  const book = new RelationBook();
  for (const [position, name] of names) {
    book.addSnapshot(snapshotWith([{ ...ORDERS_TABLE, name }], at(position)));
  }
  return book;
}

const nameAt = (book: RelationBook, position: number): string | undefined =>
  book.identify(ORDERS, at(position))?.name;

test("a snapshot names databases, schemas and files; a database of which only the number is known has no name", () => {
  const book = bookWith();
  expect([SHOP, 0, 6].map((oid) => book.databaseName(oid))).toEqual(["shop", undefined, undefined]);
  expect(book.identify(ORDERS, at(1))).toEqual(identityOf(ORDERS_TABLE));
  expect(book.identify(file(17_000), at(1))).toBeUndefined();
  expect(book.identify({ ...ORDERS, database: 6 }, at(1))).toBeUndefined();
  expect([...book.identities()]).toEqual([identityOf(ORDERS_TABLE), identityOf(ITEMS_TABLE)]);
});

test("a database that was not read has a name, and no relations", () => {
  const book = new RelationBook();
  const unread = { oid: 4, name: "template0", lsn: undefined, schemas: [], relations: undefined };
  book.addSnapshot({ ...snapshotWith([]), databases: [database(unread)] });
  expect(book.databaseName(4)).toBe("template0");
  expect([...book.identities()]).toEqual([]);
});

test("a database is known from where it was read, which may be later than the snapshot", () => {
  const book = new RelationBook();
  book.addSnapshot({ ...snapshotWith([ORDERS_TABLE], at(100)), lsn: at(50) });
  book.addTurn(ORDERS, at(70));
  expect([60, 80].map((position) => nameAt(book, position))).toEqual([undefined, "orders"]);
});

test("a relation without a file is known by its oid only", () => {
  const book = bookWith([relation({ oid: 20_100, relfilenode: 0, name: "parts", kind: "p" })]);
  expect(book.identify(file(0), at(1))).toBeUndefined();
  expect(book.relation(SHOP, 20_100, at(1))?.name).toBe("parts");
});

describe("of several snapshots", () => {
  const names = [
    [100, "old"],
    [200, "orders"],
    [300, "orders"],
    [400, "new"],
  ] as const;

  test.each([
    [50, "old"],
    [100, "old"],
    [199, "old"],
    [200, "orders"],
    [399, "orders"],
    [400, "new"],
    [900, "new"],
  ])("the last one up to %i counts, else the first one behind", (position, name) => {
    expect(nameAt(bookOf(...names), position)).toBe(name);
    // They may come in any order.
    expect(nameAt(bookOf(...names.toReversed()), position)).toBe(name);
  });

  test("one of an older place takes nothing from those that say the same", () => {
    const book = bookOf([100, "orders"], [200, "orders"], [50, "orders"], [150, "other"]);
    expect([120, 170, 250].map((position) => nameAt(book, position))).toEqual([
      "orders",
      "other",
      "orders",
    ]);
  });

  test("those that say the same keep the file known between them, and as far as the last", () => {
    const same = [100, 200, 300, 400, 500].map((position) => [position, "orders"] as const);
    for (const position of [50, 100, 250, 500, 600]) {
      expect(nameAt(bookOf(...same), position)).toBe("orders");
    }
    const dropped = bookOf(...same);
    dropped.addTurn(ORDERS, at(550));
    expect([500, 549, 600].map((position) => nameAt(dropped, position))).toEqual([
      "orders",
      "orders",
      undefined,
    ]);
  });
});

describe("a file that was made or dropped at 200", () => {
  const turned = (...positions: readonly number[]): RelationBook => {
    const book = bookOf(...positions.map((position) => [position, `of ${position}`] as const));
    book.addTurn(ORDERS, at(200));
    return book;
  };

  test("is not taken for what it was on the other side", () => {
    expect(nameAt(turned(100), 300)).toBeUndefined();
    expect(nameAt(turned(300), 100)).toBeUndefined();
  });

  test("is what it was on its own side, even when another snapshot is nearer", () => {
    expect(nameAt(turned(100, 201), 199)).toBe("of 100");
    expect(nameAt(turned(199, 900), 201)).toBe("of 900");
  });

  test("is told apart from the same number in another database", () => {
    const book = turned(100);
    expect(book.identify(ITEMS, at(300))).toBeUndefined();
    book.addTurn({ ...ORDERS, database: 6 }, at(150));
    expect(nameAt(book, 180)).toBe("of 100");
  });

  test("is at the very record what it was, else what it becomes", () => {
    expect(nameAt(turned(100, 300), 200)).toBe("of 100");
    expect(nameAt(turned(300), 200)).toBe("of 300");
  });
});

describe("a row of pg_class", () => {
  const row = classRow({ xid: 700, relation: 20_300, name: "fleeting", relfilenode: 17_000 });

  test("names a relation that no snapshot saw, as far as it tells", () => {
    const book = bookWith();
    book.addRow({ ...row, lsn: at(100) });
    expect(book.identify(file(17_000), at(150))).toEqual({
      database: SHOP,
      oid: 20_300,
      schema: "public",
      name: "fleeting",
      kind: "r",
      table: undefined,
      parents: [],
      rowsEstimate: -1,
    });
  });

  test("of a schema that nobody knows has none", () => {
    const book = bookWith();
    book.addRow({ ...row, namespace: 16_999, lsn: at(100) });
    expect(book.identify(file(17_000), at(150))).toMatchObject({ schema: undefined, kind: "r" });
  });

  test("says the name, and a snapshot of the same relation the rest", () => {
    const table = relation({ oid: 20_300, relfilenode: 17_000, parents: [9], rowsEstimate: 7 });
    const book = bookWith([table]);
    book.addRow({ ...row, lsn: at(100) });
    expect(book.identify(file(17_000), at(150))).toEqual({
      ...identityOf(table),
      name: "fleeting",
    });
  });

  test("of a table that is written anew is that table's", () => {
    const book = bookWith();
    const name = `pg_temp_${ORDERS_TABLE.oid}`;
    book.addRow({ ...row, name, namespace: SCHEMA.catalog, lsn: at(100) });
    expect(book.identify(file(17_000), at(150))).toEqual(identityOf(ORDERS_TABLE));
    expect(book.relation(SHOP, 20_300, at(150))).toBeUndefined();
  });

  test("of a table that is written anew and that nobody knows keeps its own name", () => {
    const book = bookWith([]);
    book.addRow({ ...row, name: "pg_temp_20001", lsn: at(100) });
    expect(book.identify(file(17_000), at(150))).toMatchObject({
      oid: 20_300,
      name: "pg_temp_20001",
    });
  });
});

test("a file that was said to be a relation's is so from there on", () => {
  const book = bookWith();
  book.addTurn(file(17_000), at(90));
  book.addFile(file(17_000), identityOf(ORDERS_TABLE), at(100));
  expect(book.identify(file(17_000), at(500))).toEqual(identityOf(ORDERS_TABLE));
  expect(book.identify(file(17_000), at(80))).toBeUndefined();
  // The old file is still known for what was done to it before.
  expect(book.identify(ORDERS, at(50))).toEqual(identityOf(ORDERS_TABLE));
});

describe("ancestors", () => {
  const chain = [
    relation({ oid: 1, relfilenode: 0, name: "top", kind: "p" }),
    relation({ oid: 2, relfilenode: 0, name: "beside", kind: "p" }),
    relation({ oid: 3, relfilenode: 0, name: "middle", kind: "p", parents: [1, 2] }),
    relation({ oid: 4, name: "leaf", parents: [3, 1, 99] }),
  ];
  const namesAbove = (oid: number, all = chain): readonly (string | undefined)[] => {
    const book = bookWith(all);
    const identity = book.relation(SHOP, oid, at(1));
    return identity ? book.ancestors(identity, at(1)).map(({ name }) => name) : [];
  };

  test("are the relation itself and all above it, each once, as far as they are known", () => {
    expect(namesAbove(4)).toEqual(["leaf", "middle", "top", "beside"]);
    expect(namesAbove(1)).toEqual(["top"]);
  });

  test("end, also where catalogues of different times make a circle", () => {
    const circle = chain.map((each) => (each.oid === 1 ? { ...each, parents: [4] } : each));
    expect(namesAbove(4, circle)).toEqual(["leaf", "middle", "top", "beside"]);
  });
});

test.each([
  ["pg_temp_20001", 20_001],
  ["pg_temp_", undefined],
  ["pg_temp_20001_x", undefined],
  ["my_pg_temp_20001", undefined],
  ["pg_toast_20001", undefined],
])("%s takes in what %s had", (name, oid) => {
  expect(rewrittenRelation(name)).toBe(oid);
});
