import { describe, expect, test } from "vitest";
import type { RelationLocator } from "../model/relation.ts";
import { relation } from "../repository/catalogue.fixture.ts";
import { ITEMS, ORDERS } from "../wal/index.fixture.ts";
import { fileChanges, type FileWork } from "./file-changes.ts";
import {
  bookWith,
  countsOf,
  file,
  identityOf,
  ITEMS_TABLE,
  ORDERS_TABLE,
  type RowsDraft,
  SCHEMA,
  SHOP,
  stepLsn,
} from "./find.fixture.ts";
import type { RelationBook } from "./relation-book.ts";

const NEW = file(18_001);
const STRANGE = file(18_004);
const INDEX = relation({
  oid: 20_011,
  relfilenode: 17_011,
  name: "orders_pkey",
  kind: "i",
  table: ORDERS_TABLE.oid,
});
const VIEW = relation({ oid: 20_012, relfilenode: 17_012, name: "sums", kind: "m" });
const TEMPORARY = relation({ oid: 20_013, relfilenode: 0, name: "draft", schema: SCHEMA.sales });
const TABLES = [ORDERS_TABLE, ITEMS_TABLE, INDEX, VIEW];
const oids = (...all: readonly number[]) => all.map((oid) => ({ database: SHOP, relation: oid }));

interface Draft extends Partial<Omit<FileWork, "rowsOf" | "isEmpty">> {
  readonly rows?: readonly RowsDraft[];
  readonly empty?: readonly RelationLocator[];
}

const workOf = ({ rows = [], empty = [], ...parts }: Draft): FileWork => ({
  lsn: stepLsn(1, 9),
  created: [],
  dropped: [],
  droppedObjects: [],
  truncated: [],
  rewritten: [],
  classDeletions: 0,
  isEmpty: (of) => empty.includes(of),
  rowsOf: (of) => {
    const draft = rows.find((each) => each.file.relfilenode === of.relfilenode);
    return draft && countsOf(draft);
  },
  ...parts,
});

/** What became of what, such as `orders truncated`; a file that nobody knows by its number. */
function changesOf(draft: Draft, book: RelationBook = bookWith(TABLES)): readonly string[] {
  return fileChanges(workOf(draft), book).map(
    ({ kind, identity, file: old, rowsAfter }) =>
      `${identity?.name ?? old?.relfilenode} ${kind}${rowsAfter === 0 ? "" : ` by ${rowsAfter}`}`,
  );
}

const REPLACED = { created: [NEW], dropped: [ORDERS] };

test.each<[becomes: string, draft: Draft]>([
  ["orders dropped", { dropped: [ORDERS], droppedObjects: oids(ORDERS_TABLE.oid) }],
  ["orders truncated", REPLACED],
  ["orders replaced by 40", { ...REPLACED, rows: [{ file: NEW, inserted: 40, deleted: 1 }] }],
  ["orders rewritten", { ...REPLACED, rows: [{ file: NEW, pages: 7 }] }],
  // VACUUM FULL, and then insertions by the same transaction.
  ["orders rewritten", { ...REPLACED, rows: [{ file: NEW, pages: 7, inserted: 2 }] }],
  // VACUUM FULL of an empty table.
  ["orders rewritten", { ...REPLACED, rewritten: oids(ORDERS_TABLE.oid) }],
  // REFRESH of a materialized view that has no rows any more.
  [
    "sums replaced",
    { created: [NEW], dropped: [file(VIEW.relfilenode)], rewritten: oids(VIEW.oid) },
  ],
  // Of two files that were made one has rows, and it is not known which one: nothing can be said of how many.
  [
    "orders replaced",
    { created: [NEW, STRANGE], dropped: [ORDERS], rows: [{ file: STRANGE, inserted: 3 }] },
  ],
  ["orders truncated", { created: [NEW, STRANGE], dropped: [ORDERS] }],
])("%s", (becomes, draft) => {
  expect(changesOf(draft)).toEqual([becomes]);
});

test("a change says which file went, which came, and of which relation", () => {
  const identity = identityOf(ORDERS_TABLE);
  const rows = [{ file: NEW, inserted: 40 }];
  expect(fileChanges(workOf({ ...REPLACED, rows }), bookWith(TABLES))).toEqual([
    { kind: "replaced", file: ORDERS, successor: NEW, identity, rowsAfter: 40 },
  ]);
});

test("the new file is the relation's from there on, also that of an index, which is not told", () => {
  const book = bookWith(TABLES);
  expect(changesOf({ created: [NEW], dropped: [file(INDEX.relfilenode)] }, book)).toEqual([]);
  expect(book.identify(NEW, stepLsn(2, 0))?.name).toBe("orders_pkey");
});

describe("before 15, where WAL does not name what is dropped,", () => {
  const unnamed = { dropped: [ORDERS], droppedObjects: undefined };

  test("a table is dropped when rows of pg_class were deleted", () => {
    expect(changesOf({ ...unnamed, classDeletions: 2 })).toEqual(["orders dropped"]);
    expect(changesOf(unnamed)).toEqual(["orders truncated"]);
  });

  test("a table with a successor is not dropped, whatever else was", () => {
    const both = { created: [NEW], dropped: [ITEMS, ORDERS], droppedObjects: undefined };
    const book = bookWith(TABLES);
    book.addFile(NEW, identityOf(ORDERS_TABLE), stepLsn(2, 0));
    expect(changesOf({ ...both, classDeletions: 1 }, book)).toEqual([
      "orders truncated",
      "items dropped",
    ]);
  });
});

describe("a file of which nobody knows the relation", () => {
  test("is told when it may have been a table", () => {
    expect(changesOf({ dropped: [STRANGE], droppedObjects: oids(9) })).toEqual(["18004 dropped"]);
    expect(changesOf({ created: [NEW], dropped: [STRANGE] })).toEqual(["18004 truncated"]);
  });

  test("is told beside a known one, when nothing is said to be dropped", () => {
    const created = [NEW, file(18_002)];
    expect(changesOf({ created, dropped: [STRANGE, ORDERS] })).toEqual([
      "orders truncated",
      "18004 truncated",
    ]);
  });

  test("is not when it never had a row, or none was lost with it", () => {
    const empty = [STRANGE];
    expect(changesOf({ dropped: [STRANGE], droppedObjects: oids(9), empty })).toEqual([]);
    const rows = [{ file: NEW, pages: 3 }];
    expect(changesOf({ created: [NEW], dropped: [STRANGE], rows })).toEqual([]);
  });

  test("is an index or TOAST table of what was dropped with it, when all of that is known", () => {
    const dropped = [STRANGE, ORDERS];
    expect(changesOf({ dropped, droppedObjects: oids(ORDERS_TABLE.oid) })).toEqual([
      "orders dropped",
    ]);
    expect(changesOf({ dropped, droppedObjects: oids(ORDERS_TABLE.oid, 9) })).toEqual([
      "orders dropped",
      "18004 dropped",
    ]);
  });

  test("is that of a table which WAL says was dropped, when the catalogue knew another one", () => {
    const droppedObjects = oids(ITEMS_TABLE.oid, INDEX.oid);
    expect(changesOf({ dropped: [STRANGE], droppedObjects })).toEqual(["items dropped"]);
  });

  test("is no temporary table's: those leave no trace", () => {
    const book = bookWith(TABLES);
    const draft = { ...identityOf(TEMPORARY), schema: "pg_temp_3" };
    book.addFile(file(0), draft, stepLsn(1, 0));
    expect(changesOf({ dropped: [STRANGE], droppedObjects: oids(TEMPORARY.oid, 9) }, book)).toEqual(
      ["18004 dropped"],
    );
  });
});

describe("TRUNCATE at wal_level=logical", () => {
  const truncated = oids(ORDERS_TABLE.oid, 9);

  test("names tables whose file was not replaced", () => {
    expect(changesOf({ truncated })).toEqual(["orders truncated"]);
  });

  test("adds nothing to what the files tell", () => {
    expect(changesOf({ ...REPLACED, truncated })).toEqual(["orders truncated"]);
    const rows = [{ file: NEW, inserted: 5 }];
    expect(changesOf({ ...REPLACED, truncated, rows })).toEqual(["orders replaced by 5"]);
  });
});
