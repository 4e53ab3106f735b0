// A catalogue snapshot with one of everything, for the tests of catalogues.
import type {
  CatalogueDatabase,
  CatalogueRelation,
  CatalogueSnapshot,
} from "../model/catalogue.ts";
import { lsn } from "../model/lsn.ts";
import { timeline } from "../model/timeline.ts";

export const CATALOGUE_KEY = "stanza/main/catalogue/0000000A-0000000115000028";

export function relation(parts: Partial<CatalogueRelation> = {}): CatalogueRelation {
  return {
    oid: 16_384,
    relfilenode: 16_390,
    tablespace: 1663,
    schema: 2200,
    name: "orders",
    kind: "r",
    persistence: "p",
    table: undefined,
    parents: [],
    rowsEstimate: 120,
    ...parts,
  };
}

export function database(parts: Partial<CatalogueDatabase> = {}): CatalogueDatabase {
  return {
    oid: 16_400,
    name: "shop",
    tablespace: 1663,
    isTemplate: false,
    allowConnections: true,
    lsn: lsn(0x1_1500_0060n),
    schemas: [{ oid: 2200, name: "public" }],
    relations: [relation()],
    ...parts,
  };
}

export const SNAPSHOT: CatalogueSnapshot = {
  timeline: timeline(10),
  lsn: lsn(0x1_1500_0028n),
  at: Temporal.Instant.from("2026-11-21T02:40:00.123456Z"),
  databases: [
    database({
      oid: 0,
      name: "",
      tablespace: 1664,
      allowConnections: false,
      lsn: lsn(0x1_1500_0028n),
      schemas: [{ oid: 11, name: "pg_catalog" }],
      relations: [
        relation({
          oid: 1262,
          relfilenode: 1262,
          tablespace: 1664,
          schema: 11,
          name: "pg_database",
        }),
      ],
    }),
    database({
      oid: 4,
      name: "template0",
      isTemplate: true,
      allowConnections: false,
      lsn: undefined,
      schemas: [],
      relations: undefined,
    }),
    database({
      schemas: [
        { oid: 99, name: "pg_toast" },
        { oid: 2200, name: "public" },
      ],
      relations: [
        relation({ kind: "p", relfilenode: 0, rowsEstimate: -1 }),
        relation({
          oid: 16_387,
          name: 'zeile\n"2" é😀',
          parents: [16_384, 16_386],
          tablespace: 16_500,
        }),
        relation({ oid: 16_391, schema: 99, name: "pg_toast_16387", kind: "t", table: 16_387 }),
        relation({ oid: 4_294_967_295, name: "t", persistence: "u", rowsEstimate: 2 ** 40 }),
      ],
    }),
  ],
};
