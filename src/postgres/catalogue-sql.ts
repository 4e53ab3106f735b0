// The statements that read a catalogue; catalogue.ts says in which order and why. Every name but those of operators is
// qualified, and they run with nothing but pg_catalog on the search path.
import { TIMELINE_SQL } from "./cluster-facts.ts";

/** Where WAL is: inserted to on a primary, replayed to on a standby. `at`: microseconds since 1970. */
export const POSITION_SQL: string = `
  select ${TIMELINE_SQL} as timeline,
         case when pg_catalog.pg_is_in_recovery() then pg_catalog.pg_last_wal_replay_lsn()
              else pg_catalog.pg_current_wal_insert_lsn() end as lsn,
         (extract(epoch from pg_catalog.clock_timestamp()) * 1000000)::pg_catalog.int8 as at
    from pg_catalog.pg_control_checkpoint() as checkpoint, pg_catalog.pg_control_recovery() as recovery`;

/** All databases, also those that nobody may connect to. */
export const DATABASES_SQL = `
  select oid, datname as name, dattablespace as tablespace, datistemplate as is_template,
         datallowconn as allow_connections
    from pg_catalog.pg_database order by oid`;

/** Which database a session is in. */
export const CURRENT_DATABASE_SQL = "select pg_catalog.current_database()";

/** How long one statement may take. */
const STATEMENT_TIMEOUT_MS = 30_000;

/** How long it may wait for a lock: VACUUM FULL of pg_class holds one against every reader. */
const LOCK_TIMEOUT_MS = 5_000;

/**
 * The first statement of a database's transaction, which its snapshot is taken for: which database it is, and limits
 * for the statements that follow. Compiling them would take longer than running them.
 */
export const SNAPSHOT_SQL: string = `
  select oid, dattablespace as tablespace,
         pg_catalog.set_config('search_path', '', true),
         pg_catalog.set_config('statement_timeout', '${STATEMENT_TIMEOUT_MS}', true),
         pg_catalog.set_config('lock_timeout', '${LOCK_TIMEOUT_MS}', true),
         pg_catalog.set_config('jit', 'off', true)
    from pg_catalog.pg_database where datname = pg_catalog.current_database()`;

/** The schemas of the database, those of temporary tables included. */
export const SCHEMAS_SQL = "select oid, nspname as name from pg_catalog.pg_namespace order by oid";

/**
 * All relations of the database, and those shared by all. `$1` is the database's default tablespace.
 *
 * The mapped catalogues have 0 for their relfilenode and only pg_relation_filenode() knows better. It is asked for no
 * others: it looks at the newest row and not at that of the snapshot, and fills the session's cache.
 * An index belongs to the table that it indexes; when that is a TOAST table, then to the table whose TOAST it is.
 * A sequence's owner is in pg_depend: `a` of a serial column or OWNED BY, `i` of an identity column.
 *
 * @source PostgreSQL src/backend/utils/adt/dbsize.c, pg_relation_filenode; src/backend/catalog/pg_depend.c,
 *   sequenceIsOwned
 */
export const RELATIONS_SQL = `
  select class.oid, class.relnamespace as schema, class.relname as name, class.relkind as kind,
         class.relpersistence as persistence, class.relisshared as shared,
         case when class.relfilenode = 0 and class.relkind in ('r', 'i', 't')
              then coalesce(pg_catalog.pg_relation_filenode(class.oid), 0)
              else class.relfilenode end as relfilenode,
         case when class.reltablespace <> 0 then class.reltablespace else $1::pg_catalog.oid end as tablespace,
         coalesce(holder.oid, index.indrelid, owner.refobjid) as "table",
         parent.oids as parents,
         case when class.reltuples between 0 and 9e15 then class.reltuples::pg_catalog.int8 else -1 end as rows_estimate
    from pg_catalog.pg_class as class
    left join pg_catalog.pg_index as index on index.indexrelid = class.oid
    left join pg_catalog.pg_class as holder
      on holder.reltoastrelid = coalesce(index.indrelid, class.oid) and holder.reltoastrelid <> 0
    left join pg_catalog.pg_depend as owner
      on owner.classid = 'pg_catalog.pg_class'::pg_catalog.regclass and owner.objid = class.oid and owner.objsubid = 0
     and owner.refclassid = 'pg_catalog.pg_class'::pg_catalog.regclass and owner.refobjsubid > 0
     and owner.deptype in ('a', 'i') and class.relkind = 'S'
    left join (select inhrelid, pg_catalog.string_agg(inhparent::pg_catalog.text, ',' order by inhseqno) as oids
                 from pg_catalog.pg_inherits group by inhrelid) as parent
      on parent.inhrelid = class.oid
   order by class.oid`;
