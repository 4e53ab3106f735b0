// Resource managers: the parts of PostgreSQL that write WAL records and replay them. A record's header names its
// manager; what its operation bits mean is the manager's own business.

/**
 * The built-in ids, the same in 14 to 18.
 *
 * @source PostgreSQL src/include/access/rmgrlist.h
 */
export const RESOURCE_MANAGER = {
  xlog: 0,
  transaction: 1,
  storage: 2,
  clog: 3,
  database: 4,
  tablespace: 5,
  multixact: 6,
  relationMap: 7,
  standby: 8,
  heap2: 9,
  heap: 10,
  btree: 11,
  hash: 12,
  gin: 13,
  gist: 14,
  sequence: 15,
  spgist: 16,
  brin: 17,
  commitTimestamp: 18,
  replicationOrigin: 19,
  generic: 20,
  logicalMessage: 21,
} as const;

/** PostgreSQL's own names, by id, as pg_waldump and pg_walinspect print them. */
export const RESOURCE_MANAGER_NAMES: readonly string[] = [
  "XLOG",
  "Transaction",
  "Storage",
  "CLOG",
  "Database",
  "Tablespace",
  "MultiXact",
  "RelMap",
  "Standby",
  "Heap2",
  "Heap",
  "Btree",
  "Hash",
  "Gin",
  "Gist",
  "Sequence",
  "SPGist",
  "BRIN",
  "CommitTs",
  "ReplicationOrigin",
  "Generic",
  "LogicalMessage",
];

/** Ids from here on belong to extensions, since PostgreSQL 15. */
export const RESOURCE_MANAGER_CUSTOM_MIN = 128;
/** The highest id. */
export const RESOURCE_MANAGER_MAX = 255;

/** Whether PostgreSQL of that major version could have written a record with this id. */
export function isResourceManager(id: number, majorVersion: number): boolean {
  return (
    id < RESOURCE_MANAGER_NAMES.length || (majorVersion >= 15 && id >= RESOURCE_MANAGER_CUSTOM_MIN)
  );
}
