// What the sessions of a random workload do in their transactions (find-workload.ts), and what that means for the truth:
// rows are counted by the statements themselves.
import type { Random } from "../../src/base/random.ts";
import type { SqlSession } from "../harness/sql-session.ts";

export const SESSION_COUNT = 4;

/** What one transaction did to one relation, in the words of `find`. */
export interface Effect {
  inserted?: number;
  updated?: number;
  deleted?: number;
  movedIn?: number;
  movedOut?: number;
  truncated?: boolean;
  dropped?: boolean;
  rewritten?: boolean;
  replacedBy?: number;
}

/** By table, under the first name that it had; a table that is dropped and made anew has several lives. */
export type Effects = Map<string, Effect[]>;

/** One session and its transaction, if one is open. */
export interface Worker {
  readonly number: number;
  readonly session: SqlSession;
  /** The present name of its own table; undefined when it is dropped. */
  own: string | undefined;
  /** Whether the open transaction gave the own table another file. */
  isOwnNew: boolean;
  effects: Effects;
  /** Names its own table had. */
  readonly names: Set<string>;
  readonly random: Random;
  /** The next id for rows that it inserts. */
  nextId: number;
}

type RowOperation = "inserted" | "updated" | "deleted" | "movedIn" | "movedOut";
type Action = (worker: Worker) => Promise<void>;

/** The table that only one session changes. */
export function ownTable(session: number): string {
  return `extra_${session}`;
}

/** One of a list. */
export function randomOf<Item>(random: Random, items: readonly Item[]): Item {
  const item = items[random.integer(0, items.length)];
  if (item === undefined) throw new Error("there is nothing to choose from");
  return item;
}

/** Actions on rows of the shared tables. */
export const ACTIONS: readonly Action[] = [
  insertOne,
  insertMany,
  insertOrUpdate,
  update,
  updateAll,
  remove,
  changeDocuments,
  removeCustomers,
  movePartitions,
  moveThroughGates,
  writeUnlogged,
  insertVisits,
];

/** Actions on the table that only this session changes. */
export const OWN_TABLE_ACTIONS: readonly Action[] = [
  changeOwnRows,
  changeOwnRows,
  truncateOwn,
  dropOrCreateOwn,
  rewriteOwn,
  renameOwn,
  insertVery,
];

function effectOf(worker: Worker, table: string): Effect {
  const lives = worker.effects.get(table);
  const last = lives?.at(-1);
  if (last) return last;
  const effect: Effect = {};
  worker.effects.set(table, [effect]);
  return effect;
}

function count(
  worker: Worker,
  table: string,
  changes: Partial<Record<RowOperation, number>>,
): void {
  const effect = effectOf(worker, table);
  for (const [operation, rows] of Object.entries(changes)) {
    effect[operation as RowOperation] = (effect[operation as RowOperation] ?? 0) + rows;
  }
}

/** Runs a statement with a RETURNING clause and counts the rows of every table that it says it changed. */
async function run(worker: Worker, operation: RowOperation, statement: string): Promise<void> {
  const rows = await worker.session.sql(
    `with changed as (${statement} returning tableoid::regclass::text as relation)
     select relation, count(*) as rows from changed group by relation`,
  );
  for (const { relation, rows: changed } of rows) {
    count(worker, String(relation), { [operation]: Number(changed) });
  }
}

/** Takes ids that no other session takes. */
function newIds({ nextId }: Worker, rows: number): string {
  return `generate_series(${nextId}, ${nextId + (rows - 1) * SESSION_COUNT}, ${SESSION_COUNT}) n`;
}

async function insertRows(worker: Worker, rows: number, columns: string): Promise<void> {
  await run(worker, "inserted", `insert into ${columns} from ${newIds(worker, rows)}`);
  worker.nextId += rows * SESSION_COUNT;
}

function mine({ number }: Worker, id = "id"): string {
  return `${id} % ${SESSION_COUNT} = ${number}`;
}

function someIds({ random }: Worker, max: number, share: number): string {
  const begin = random.integer(1, max);
  return `between ${begin} and ${begin + random.integer(1, share)}`;
}

async function insertOne(worker: Worker): Promise<void> {
  await insertRows(worker, 1, "orders select n, 'one', 1");
}

async function insertMany(worker: Worker): Promise<void> {
  await insertRows(worker, worker.random.integer(2, 400), "orders select n, 'many', 2");
}

/** Several segments of 1 MiB. */
async function insertVery(worker: Worker): Promise<void> {
  if (worker.random.integer(0, 3) > 0) return;
  await insertRows(worker, 8000, "orders select n, repeat('large', 50), 3");
}

async function insertOrUpdate(worker: Worker): Promise<void> {
  const { random, session } = worker;
  const begin = random.integer(1, 4000);
  const rows = await session.sql(
    `with changed as (
       insert into orders select n, 'conflict', 0 from generate_series(${begin}, ${begin + 40}) n where ${mine(worker, "n")}
       union all select n, 'conflict', 0 from ${newIds(worker, 5)}
       on conflict (id) do update set note = excluded.note returning xmax = 0 as is_new)
     select is_new, count(*) as rows from changed group by is_new`,
  );
  worker.nextId += 5 * SESSION_COUNT;
  for (const { is_new: isNew, rows: changed } of rows) {
    count(worker, "orders", { [isNew === "t" ? "inserted" : "updated"]: Number(changed) });
  }
}

async function update(worker: Worker): Promise<void> {
  const where = `id ${someIds(worker, 4000, 300)} and ${mine(worker)}`;
  await run(worker, "updated", `update orders set amount = amount + 1 where ${where}`);
}

/** The indexed column too, so that nothing is hot. */
async function updateAll(worker: Worker): Promise<void> {
  const where = `id ${someIds(worker, 4000, 60)} and ${mine(worker)}`;
  const moved = `id + 1000000 * ${SESSION_COUNT}`;
  const free = `not exists (select from orders o where o.id = orders.${moved})`;
  await run(worker, "updated", `update orders set id = ${moved} where ${where} and ${free}`);
}

async function remove(worker: Worker): Promise<void> {
  const where = `id ${someIds(worker, 4000, 200)} and ${mine(worker)}`;
  await run(worker, "deleted", `delete from orders where ${where}`);
}

async function changeDocuments(worker: Worker): Promise<void> {
  const where = `id ${someIds(worker, 60, 20)} and ${mine(worker)}`;
  const body = "repeat(md5(n::text), 100)";
  await run(worker, "updated", `update documents set body = body || 'x' where ${where}`);
  await insertRows(worker, 2, `documents select n, ${body}`);
  await run(
    worker,
    "deleted",
    `delete from documents where id ${someIds(worker, 60, 8)} and ${mine(worker)}`,
  );
}

async function insertVisits(worker: Worker): Promise<void> {
  const { random } = worker;
  await run(
    worker,
    "inserted",
    `insert into visits select id, ${random.integer(1, 9)} from customers where ${mine(worker)} limit ${random.integer(1, 30)}`,
  );
}

/** A cascade: what goes with a row goes in the same transaction. */
async function removeCustomers(worker: Worker): Promise<void> {
  const where = `id ${someIds(worker, 400, 20)} and ${mine(worker)}`;
  const visits = await worker.session.value(
    `select count(*) from visits where customer in (select id from customers where ${where})`,
  );
  await run(worker, "deleted", `delete from customers where ${where}`);
  count(worker, "visits", { deleted: Number(visits) });
}

/** Rows with values in TOAST tables change their partition, and others stay. */
async function movePartitions(worker: Worker): Promise<void> {
  const { random, session } = worker;
  const where = `id ${someIds(worker, 120, 40)} and ${mine(worker)}`;
  const target = random.integer(1, 3);
  const source = 3 - target;
  const moved = Number(
    await session.value(`select count(*) from parts where kind = ${source} and ${where}`),
  );
  const stayed = Number(
    await session.value(`select count(*) from parts where kind = ${target} and ${where}`),
  );
  await session.sql(`update parts set kind = ${target}, body = body || 'y' where ${where}`);
  count(worker, `parts_${source}`, { movedOut: moved });
  count(worker, `parts_${target}`, { movedIn: moved, updated: stayed });
  let arrivals = moved;
  if (random.integer(0, 2) === 0) {
    await insertRows(worker, 3, `parts select n, ${target}, repeat(md5(n::text), 100)`);
    arrivals += 3;
  }
  if (target === 2) count(worker, "arrivals", { inserted: arrivals });
}

/** Rows that move to the second partition are kept out by a trigger when their id divides by three. */
async function moveThroughGates(worker: Worker): Promise<void> {
  const { random, session } = worker;
  const where = `id ${someIds(worker, 600, 60)} and ${mine(worker)}`;
  const target = random.integer(1, 3);
  const source = 3 - target;
  const moving = `from gates where kind = ${source} and ${where}`;
  const [moved, arrived] = [
    Number(await session.value(`select count(*) ${moving}`)),
    Number(await session.value(`select count(*) ${moving} and (${target} = 1 or id % 3 <> 0)`)),
  ];
  await session.sql(`update gates set kind = ${target} where kind = ${source} and ${where}`);
  count(worker, `gates_${source}`, { movedOut: moved });
  count(worker, `gates_${target}`, { movedIn: arrived });
}

/** Leaves no trace. */
async function writeUnlogged({ session }: Worker): Promise<void> {
  await session.sql("insert into scratch select n from generate_series(1, 50) n");
}

async function changeOwnRows(worker: Worker): Promise<void> {
  const { own, number, random, session } = worker;
  if (own === undefined) return;
  const rows = random.integer(1, 120);
  const statements: readonly (readonly [RowOperation, string])[] = [
    ["inserted", `insert into ${own} select n, n, repeat('b', 40) from ${newIds(worker, rows)}`],
    ["updated", `update ${own} set n = n + 1 where id % 3 = ${random.integer(0, 3)}`],
    ["deleted", `delete from ${own} where id % 7 = ${random.integer(0, 7)}`],
  ];
  const [operation, statement] = randomOf(random, statements);
  if (operation === "inserted") worker.nextId += rows * SESSION_COUNT;
  const changed = Number(
    await session.value(`with c as (${statement} returning 1) select count(*) from c`),
  );
  const effect = effectOf(worker, ownTable(number));
  // What is done to rows of a new file is seen by nobody but for the rows that came into it.
  // A table that was rewritten without a row and then filled looks in WAL like one that was rewritten with these rows.
  const isNewFile =
    effect.truncated === true || effect.rewritten === true || effect.replacedBy !== undefined;
  if (isNewFile) {
    if (operation === "inserted" && changed > 0) {
      effect.replacedBy = (effect.replacedBy ?? 0) + changed;
      effect.truncated = false;
      effect.rewritten = false;
    }
  } else count(worker, ownTable(number), { [operation]: changed });
}

async function truncateOwn(worker: Worker): Promise<void> {
  const { own, number, session } = worker;
  // The file of a table that was made in this transaction is truncated in place, which is not told apart.
  if (own === undefined || worker.isOwnNew) return;
  await session.sql(`truncate ${own}`);
  worker.isOwnNew = true;
  effectOf(worker, ownTable(number)).truncated = true;
}

async function dropOrCreateOwn(worker: Worker): Promise<void> {
  const { own, number, session, random } = worker;
  if (own === undefined) {
    const rows = random.integer(0, 80);
    const name = ownTable(number);
    await session.sql(
      `create table ${name} as select n as id, n, 'new' as body from generate_series(1, ${rows}) n`,
    );
    worker.own = name;
    worker.isOwnNew = true;
    const lives = worker.effects.get(name);
    const life = { inserted: rows };
    if (lives) lives.push(life);
    else worker.effects.set(name, [life]);
    return;
  }
  if (worker.isOwnNew) return;
  await session.sql(`drop table ${own}`);
  worker.own = undefined;
  effectOf(worker, ownTable(number)).dropped = true;
}

async function rewriteOwn(worker: Worker): Promise<void> {
  const { own, number, session } = worker;
  if (own === undefined || worker.isOwnNew) return;
  const type = await session.value(
    `select format_type(atttypid, null) from pg_attribute where attrelid = '${own}'::regclass and attname = 'n'`,
  );
  const rows = Number(await session.value(`select count(*) from ${own}`));
  await session.sql(`alter table ${own} alter n type ${type === "bigint" ? "int" : "bigint"}`);
  worker.isOwnNew = true;
  const effect = effectOf(worker, ownTable(number));
  if (rows > 0) effect.replacedBy = rows;
  else effect.rewritten = true;
}

async function renameOwn(worker: Worker): Promise<void> {
  const { own, number, session, names } = worker;
  if (own === undefined) return;
  const first = ownTable(number);
  const name = own === first ? `${first}_renamed` : first;
  await session.sql(`alter table ${own} rename to ${name}`);
  worker.own = name;
  names.add(name);
}
