import { describe, expect, test } from "vitest";
import type { RelationLocator } from "../model/relation.ts";
import { relation } from "../repository/catalogue.fixture.ts";
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
  stepLsn,
} from "./find.fixture.ts";
import { replacements } from "./file-successors.ts";
import type { RelationBook } from "./relation-book.ts";

/** Files that nobody has heard of. */
const [NEW_1, NEW_2, NEW_3, STRANGE] = [file(18_001), file(18_002), file(18_003), file(18_004)];
const TOAST = relation({
  oid: 20_010,
  relfilenode: 17_010,
  name: "pg_toast_20001",
  kind: "t",
  schema: SCHEMA.toast,
  table: ORDERS_TABLE.oid,
});
const oids = (...all: readonly number[]) => all.map((oid) => ({ database: SHOP, relation: oid }));

interface Draft {
  readonly created?: readonly RelationLocator[];
  /** In the order of the commit record: what was planned last comes first. */
  readonly dropped: readonly RelationLocator[];
  readonly droppedObjects?: readonly { readonly database: number; readonly relation: number }[];
  readonly rewritten?: readonly { readonly database: number; readonly relation: number }[];
}

/** Name of the relation, or number of the file that goes; and the number of the one that stands in for it. */
function pairs(
  { created = [], dropped, droppedObjects = [], rewritten = [] }: Draft,
  book: RelationBook = bookWith([ORDERS_TABLE, ITEMS_TABLE, TOAST]),
): readonly (readonly [string | number, number | undefined])[] {
  const files = { lsn: stepLsn(1, 9), created, dropped, droppedObjects, rewritten };
  return replacements(files, book).map(({ file: old, identity, successor }) => [
    identity?.name ?? old.relfilenode,
    successor?.relfilenode,
  ]);
}

test("new files stand in for old ones in the order in which these were planned to go", () => {
  expect(pairs({ created: [NEW_1, NEW_2], dropped: [ITEMS, ORDERS] })).toEqual([
    ["orders", 18_001],
    ["items", 18_002],
  ]);
});

test("what is dropped has no successor, and is left out of the count", () => {
  const dropped = [ITEMS, ORDERS];
  expect(pairs({ created: [NEW_1], dropped, droppedObjects: oids(ORDERS_TABLE.oid) })).toEqual([
    ["orders", undefined],
    ["items", 18_001],
  ]);
});

test("a file that is made and goes in the same transaction is neither old nor new", () => {
  expect(pairs({ created: [NEW_1, NEW_2], dropped: [NEW_1, ORDERS] })).toEqual([
    ["orders", 18_002],
  ]);
  expect(pairs({ created: [NEW_1], dropped: [NEW_1] })).toEqual([]);
});

test("a file that nobody knows can have a successor, too", () => {
  expect(pairs({ created: [NEW_1, NEW_2], dropped: [STRANGE, ORDERS] })).toEqual([
    ["orders", 18_001],
    [18_004, 18_002],
  ]);
});

describe("when more files were made than went", () => {
  test("the order tells nothing", () => {
    expect(pairs({ created: [NEW_1, NEW_2, NEW_3], dropped: [ITEMS, ORDERS] })).toEqual([
      ["orders", undefined],
      ["items", undefined],
    ]);
  });

  test("a later catalogue tells which is whose, and the order the rest", () => {
    const book = bookWith();
    book.addFile(NEW_3, identityOf(ORDERS_TABLE), stepLsn(2, 0));
    const created = [NEW_1, NEW_3];
    expect(pairs({ created, dropped: [ITEMS, ORDERS] }, book)).toEqual([
      ["orders", 18_003],
      ["items", 18_001],
    ]);
    expect(pairs({ created: [NEW_2, ...created], dropped: [ITEMS, ORDERS] }, book)).toEqual([
      ["orders", 18_003],
      ["items", undefined],
    ]);
  });
});

describe("a table that is written anew", () => {
  /** VACUUM FULL makes a relation for the new file, which its row of pg_class tells. */
  function rewrittenBook(): RelationBook {
    const book = bookWith([ORDERS_TABLE, ITEMS_TABLE, TOAST]);
    const name = `pg_temp_${ORDERS_TABLE.oid}`;
    const { relfilenode } = NEW_1;
    book.addRow({
      ...classRow({ xid: 700, relation: 20_300, name, relfilenode }),
      lsn: stepLsn(1, 1),
    });
    return book;
  }

  test("has the file of the relation that was made for it, whatever the order", () => {
    const rewritten = oids(ORDERS_TABLE.oid);
    expect(
      pairs({ created: [NEW_2, NEW_1], dropped: [ORDERS, ITEMS], rewritten }, rewrittenBook()),
    ).toEqual([
      ["items", 18_002],
      ["orders", 18_001],
    ]);
  });

  test("gives its old TOAST table away without a successor", () => {
    const rewritten = oids(ORDERS_TABLE.oid);
    const dropped = [ITEMS, ORDERS, file(TOAST.relfilenode)];
    expect(pairs({ created: [NEW_1, NEW_2], dropped, rewritten }, rewrittenBook())).toEqual([
      ["pg_toast_20001", undefined],
      ["orders", 18_001],
      ["items", 18_002],
    ]);
  });
});

test("relations of another database are not taken for those of the same number", () => {
  const elsewhere = [{ database: 6, relation: ORDERS_TABLE.oid }];
  expect(pairs({ created: [NEW_1], dropped: [ORDERS], droppedObjects: elsewhere })).toEqual([
    ["orders", 18_001],
  ]);
});
