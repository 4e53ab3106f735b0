// A random workload whose every effect is known: several sessions with transactions that overlap, and for each
// transaction that commits what it did to which table, as the statements themselves counted it.
//
// Sessions never wait for each other: each changes only the rows whose id is its number modulo the number of sessions,
// and has a table of its own for what locks whole tables. One prepares its transactions; they are committed or rolled
// back when that session begins its next one.
import type { Random } from "../../src/base/random.ts";
import type { Cluster } from "../harness/cluster.ts";
import { contentHash } from "../harness/orders.ts";
import {
  ACTIONS,
  type Effects,
  OWN_TABLE_ACTIONS,
  ownTable,
  randomOf,
  SESSION_COUNT,
  type Worker,
} from "./find-workload-actions.ts";

const PREPARER: number = SESSION_COUNT - 1;

/** Tables that all sessions share. */
const SHARED_TABLES = [
  "create table orders (id int primary key, note text, amount int)",
  "create table documents (id int primary key, body text); alter table documents alter body set storage external",
  "create table customers (id int primary key, name text)",
  "create table visits (customer int references customers on delete cascade, n int)",
  "create table parts (id int, kind int, body text) partition by list (kind)",
  "create table parts_1 partition of parts for values in (1)",
  "create table parts_2 partition of parts for values in (2)",
  "alter table parts_1 alter body set storage external; alter table parts_2 alter body set storage external",
  "create unlogged table scratch (id int)",
  // Triggers that come between the halves of a move: one writes another row, one keeps the row out.
  `create table arrivals (id int);
   create function note_arrival() returns trigger language plpgsql as
     'begin insert into arrivals values (new.id); return new; end';
   create trigger note before insert on parts_2 for each row execute function note_arrival()`,
  "create table gates (id int, kind int) partition by list (kind)",
  "create table gates_1 partition of gates for values in (1)",
  `create table gates_2 partition of gates for values in (2);
   create function keep_out() returns trigger language plpgsql as
     'begin if new.id % 3 = 0 then return null; end if; return new; end';
   create trigger gate before insert on gates_2 for each row execute function keep_out()`,
];

/** A transaction that was committed. */
export interface KnownTransaction {
  readonly xid: string;
  /** `table: effect value, …`, sorted; a table that was dropped and made anew is there twice. */
  readonly effects: readonly string[];
  /** A table that lost rows, and its content just before. */
  readonly witness: { readonly table: string; readonly content: string } | undefined;
}

/** What happened. */
export interface KnownHistory {
  readonly transactions: readonly KnownTransaction[];
  /** Effects of commands that tell no transaction id: VACUUM FULL. */
  readonly anonymous: readonly string[];
  /** Of each own table, all the names that it ever had. */
  readonly names: ReadonlyMap<string, ReadonlySet<string>>;
}

/** Makes the tables, with rows that every session may change. */
export async function createTables(cluster: Cluster): Promise<void> {
  for (const statements of SHARED_TABLES) await cluster.sql(statements);
  await cluster.sql(`
    insert into orders select n, 'order ' || n, n from generate_series(1, 4000) n;
    insert into documents select n, repeat(md5(n::text), 120) from generate_series(1, 60) n;
    insert into customers select n, 'customer ' || n from generate_series(1, 400) n;
    insert into visits select n % 400 + 1, n from generate_series(1, 1200) n;
    insert into parts select n, n % 2 + 1, repeat(md5(n::text), 100) from generate_series(1, 120) n;
    insert into gates select n, n % 2 + 1 from generate_series(1, 600) n;`);
  for (let session = 0; session < SESSION_COUNT; session += 1) {
    await cluster.sql(`create table ${ownTable(session)} (id int primary key, n int, body text);
      insert into ${ownTable(session)} select n, n, 'body' from generate_series(1, 200) n`);
  }
  await cluster.sql("analyze");
}

/** Runs sessions side by side. */
export class Workload implements AsyncDisposable {
  readonly #cluster: Cluster;
  readonly #random: Random;
  readonly #workers: Worker[] = [];
  readonly #open: Map<Worker, { readonly xid: string; readonly content: string; steps: number }> =
    new Map();
  #prepared: KnownTransaction | undefined;
  readonly #transactions: KnownTransaction[] = [];
  readonly #anonymous: string[] = [];

  private constructor(cluster: Cluster, random: Random) {
    this.#cluster = cluster;
    this.#random = random;
  }

  static async start(cluster: Cluster, random: Random): Promise<Workload> {
    const workload = new Workload(cluster, random);
    for (let number = 0; number < SESSION_COUNT; number += 1) {
      const session = await cluster.connect();
      await session.sql("set lock_timeout = '20s'");
      const own = ownTable(number);
      workload.#workers.push({
        number,
        session,
        own,
        isOwnNew: false,
        effects: new Map(),
        names: new Set([own]),
        random,
        nextId: 100_000 + number,
      });
    }
    return workload;
  }

  /** So many steps: each begins, continues or ends the transaction of a session, or does what needs none. */
  async run(stepCount: number): Promise<void> {
    for (let step = 0; step < stepCount; step += 1) {
      const worker = randomOf(this.#random, this.#workers);
      const open = this.#open.get(worker);
      if (!open) await this.#begin(worker);
      else if (open.steps > 0) {
        open.steps -= 1;
        await this.#act(worker);
      } else await this.#end(worker, open);
      if (this.#random.integer(0, 25) === 0) await this.#cluster.sql("select pg_switch_wal()");
      if (this.#random.integer(0, 40) === 0) await this.#cluster.sql("checkpoint");
      if (this.#random.integer(0, 20) === 0) await this.#cluster.sql("vacuum orders, parts");
    }
  }

  /** Ends every open transaction and says what happened. */
  async finish(): Promise<KnownHistory> {
    for (const [worker, open] of this.#open) await this.#end(worker, open);
    await this.#endPrepared();
    return {
      transactions: this.#transactions,
      anonymous: this.#anonymous,
      names: new Map(this.#workers.map(({ number, names }) => [ownTable(number), names])),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { session } of this.#workers) await session[Symbol.asyncDispose]();
  }

  async #begin(worker: Worker): Promise<void> {
    const { session, random, number } = worker;
    if (number === PREPARER) await this.#endPrepared();
    if (worker.own !== undefined && number !== PREPARER && random.integer(0, 6) === 0) {
      await this.#vacuumFull(worker, worker.own);
      return;
    }
    const table = worker.own ?? "orders";
    const content = `${table} ${await contentHash(this.#cluster, table)}`;
    await session.sql("begin");
    const xid = String(await session.value("select pg_current_xact_id()"));
    worker.effects = new Map();
    worker.isOwnNew = false;
    this.#open.set(worker, { xid, content, steps: random.integer(1, 6) });
  }

  async #vacuumFull({ session, number }: Worker, own: string): Promise<void> {
    await session.sql(`vacuum full ${own}`);
    this.#anonymous.push(`${ownTable(number)}: rewritten true`);
  }

  /** One action, or some inside a subtransaction, which may be rolled back. */
  async #act(worker: Worker): Promise<void> {
    const { random, session } = worker;
    if (random.integer(0, 4) > 0) {
      await randomAction(worker)(worker);
      return;
    }
    const before = { effects: clone(worker.effects), own: worker.own, isOwnNew: worker.isOwnNew };
    await session.sql("savepoint s");
    const count = random.integer(1, 4);
    for (let action = 0; action < count; action += 1) await this.#act(worker);
    if (random.integer(0, 2) === 0) {
      await session.sql("rollback to savepoint s");
      Object.assign(worker, before);
    }
    await session.sql("release savepoint s");
  }

  async #end(
    worker: Worker,
    { xid, content }: { readonly xid: string; readonly content: string },
  ): Promise<void> {
    this.#open.delete(worker);
    const { session, random, number, effects } = worker;
    const [table = "", hash = ""] = content.split(" ");
    const ownEffects = effects.get(ownTable(number));
    const isDestructive = ownEffects?.some((each) => LOSSES.some((loss) => Boolean(each[loss])));
    const witness = isDestructive && table !== "orders" ? { table, content: hash } : undefined;
    const known = { xid, effects: describe(effects), witness };
    const commits = random.integer(0, 5) > 0;
    if (number === PREPARER) {
      await session.sql(`prepare transaction 'known ${xid}'`);
      this.#prepared = known;
    } else {
      await session.sql(commits ? "commit" : "rollback");
      if (commits) this.#transactions.push(known);
      else await this.#forget(worker);
    }
  }

  async #endPrepared(): Promise<void> {
    const prepared = this.#prepared;
    const worker = this.#workers[PREPARER];
    if (!prepared || !worker) return;
    this.#prepared = undefined;
    const commits = this.#random.integer(0, 3) > 0;
    await this.#cluster.sql(`${commits ? "commit" : "rollback"} prepared 'known ${prepared.xid}'`);
    if (commits) this.#transactions.push(prepared);
    else await this.#forget(worker);
  }

  /** After a rollback: the own table is as it was, under whichever name. */
  async #forget(worker: Worker): Promise<void> {
    const like = `${ownTable(worker.number)}%`;
    const name = await this.#cluster.value(
      "select relname from pg_class where relkind = 'r' and relname like $1",
      [like],
    );
    worker.own = name ?? undefined;
  }
}

const LOSSES = ["deleted", "truncated", "dropped"] as const;

function randomAction(worker: Worker): (worker: Worker) => Promise<void> {
  const { random, number } = worker;
  // What locks a whole table cannot be prepared together with what reads it in another session.
  const all = number === PREPARER ? ACTIONS : [...ACTIONS, ...OWN_TABLE_ACTIONS];
  return randomOf(random, all);
}

function clone(effects: Effects): Effects {
  return new Map(
    [...effects].map(([table, lives]) => [table, lives.map((effect) => ({ ...effect }))]),
  );
}

function describe(effects: Effects): readonly string[] {
  return [...effects]
    .flatMap(([table, lives]) => lives.map((effect) => describeEffect(table, effect)))
    .filter((text) => text !== undefined)
    .toSorted();
}

/** `orders: deleted 3, inserted 5`; undefined for no effect. */
export function describeEffect(table: string, effect: object): string | undefined {
  const parts = Object.entries(effect)
    .filter(([, value]) => value !== 0 && value !== null && value !== false && value !== undefined)
    .map(([name, value]) => `${name} ${String(value)}`);
  return parts.length === 0 ? undefined : `${table}: ${parts.toSorted().join(", ")}`;
}
