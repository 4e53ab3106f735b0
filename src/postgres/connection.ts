// One session with a PostgreSQL server, for the few statements a backup tool needs. Values arrive as the text that
// PostgreSQL sent: the driver parses nothing, because its numbers and dates would lose digits. There is no pool and no
// reconnecting: backup mode belongs to one session, and a session that was lost must be noticed, not replaced.
// Why a connection failed, in plain words: connection-failure.ts. Where a server listens: socket-location.ts.
import { Socket } from "node:net";
import { userInfo } from "node:os";
import { Client, type CustomTypesConfig } from "pg";
import type { Context } from "../base/context.ts";
import { errorMessage } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import { failure } from "../model/failure.ts";
import {
  explainConnectionFailure,
  explainQueryFailure,
  isSessionEnd,
} from "./connection-failure.ts";
import { defaultSocketDirectory } from "./socket-location.ts";

/** Where and as whom to connect. */
export interface ConnectionSettings {
  /**
   * The directory of the server's Unix socket, absolute; or the name of a host, for a server without sockets. Undefined:
   * the place where packages put it (/var/run/postgresql, else /tmp).
   */
  readonly socketDirectory: string | undefined;
  readonly port: number;
  /** The role; undefined: named like the operating system's user. */
  readonly user: string | undefined;
  readonly database: string;
  /** Shown in pg_stat_activity. Default `hindsight`. */
  readonly applicationName?: string | undefined;
  readonly password?: Secret | undefined;
}

/** A row as PostgreSQL sent it: every value as text, or null. */
export type Row = Readonly<Record<string, string | null>>;

/** A server that does not answer for so long while connecting is taken as out of order. */
const CONNECT_TIMEOUT_MS = 15_000;

/** How long a session may take to say good-bye before its socket is simply closed. */
const CLOSE_TIMEOUT_MS = 2_000;

/**
 * Set once, right after connecting, whatever the role, the database or the server's configuration say: nothing may end
 * the session while files are copied, and texts must have one form.
 * `client_connection_check_interval` lets the server notice within two seconds that we are gone, even while it waits
 * for a checkpoint in pg_backup_start.
 *
 * @source pgBackRest src/db/db.c, dbOpen; Barman 2.9, 2.13 and 3.5.0 release notes (sessions killed by timeouts)
 */
const SESSION_SETTINGS = `
  select set_config('transaction_timeout', '0', false)
   where current_setting('transaction_timeout', true) is not null;
  set search_path = pg_catalog;
  set client_encoding = 'UTF8';
  set datestyle = 'ISO, YMD';
  set intervalstyle = 'postgres';
  set max_parallel_workers_per_gather = 0;
  set default_transaction_isolation = 'read committed';
  select set_config(name, '2000', false) from pg_settings where name = 'client_connection_check_interval'`;

/** In force before the first statement, which a short timeout of the server could end already. Every major has these. */
const STARTUP_OPTIONS = [
  "statement_timeout",
  "lock_timeout",
  "idle_in_transaction_session_timeout",
  "idle_session_timeout",
]
  .map((name) => `-c ${name}=0`)
  .join(" ");

const AS_TEXT: CustomTypesConfig = { getTypeParser: () => (value: string) => value };

/**
 * A live connection. Statements run one after the other. Disposing it ends the session, which also takes the server out
 * of a backup mode that this session began.
 */
export class Session implements AsyncDisposable {
  /** Aborted with `POSTGRES_CONNECTION_LOST` when the connection ends other than by disposal. */
  readonly lost: AbortSignal;
  readonly #client: Client;
  readonly #socket: Socket;
  readonly #context: Context;
  readonly #lost: AbortController = new AbortController();
  /** Settles when the statement before has ended, however it ended. */
  #turn: Promise<unknown> = Promise.resolve();
  #closing: Promise<void> | undefined;

  /** Use {@link connect}. */
  constructor(client: Client, socket: Socket, context: Context) {
    this.#client = client;
    this.#socket = socket;
    this.#context = context;
    this.lost = this.#lost.signal;
    client.on("error", (error) => this.#onEnd(error));
    client.on("end", () => this.#onEnd(new Error("the server closed the connection")));
    context.signal.addEventListener("abort", this.#onAbort, { once: true });
  }

  /**
   * Runs one statement and gives all its rows.
   *
   * @param parameters values of `$1`, `$2`, …; texts, numbers, booleans or arrays of texts.
   * @throws {HindsightError} `POSTGRES_QUERY_FAILED`, `POSTGRES_CONNECTION_LOST`; or the reason of the context's signal.
   */
  rows(sql: string, parameters?: readonly unknown[]): Promise<readonly Row[]> {
    const answer = this.#turn.then(() => this.#query(sql, parameters));
    this.#turn = answer.catch(() => undefined);
    return answer;
  }

  async #query(sql: string, parameters?: readonly unknown[]): Promise<readonly Row[]> {
    this.#context.signal.throwIfAborted();
    this.lost.throwIfAborted();
    try {
      const query = { text: sql, values: parameters ? [...parameters] : undefined, types: AS_TEXT };
      const { rows } = await this.#client.query<Row>(query);
      return rows;
    } catch (error) {
      this.#context.signal.throwIfAborted();
      if (isSessionEnd(error)) this.#onEnd(error);
      this.lost.throwIfAborted();
      throw explainQueryFailure(error);
    }
  }

  /** The only row of a statement that always gives one. */
  async row(sql: string, parameters?: readonly unknown[]): Promise<Row> {
    const [row, ...others] = await this.rows(sql, parameters);
    if (row === undefined || others.length > 0) {
      throw failure("POSTGRES_QUERY_FAILED", "a statement that gives one row gave another number", {
        context: { rows: row === undefined ? 0 : others.length + 1 },
      });
    }
    return row;
  }

  /** The first column of the first row; null when there is none. */
  async value(sql: string, parameters?: readonly unknown[]): Promise<string | null> {
    const [row] = await this.rows(sql, parameters);
    return row === undefined ? null : (Object.values(row)[0] ?? null);
  }

  /** Ends the session; may be called more than once, and never throws. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#close();
    await this.#closing;
  }

  async #close(): Promise<void> {
    this.#context.signal.removeEventListener("abort", this.#onAbort);
    const timer = setTimeout(() => this.#socket.destroy(), CLOSE_TIMEOUT_MS);
    try {
      await this.#client.end();
    } catch (error) {
      this.#context.log.debug("closing a connection failed", { reason: errorMessage(error) });
    } finally {
      clearTimeout(timer);
      this.#socket.destroy();
    }
  }

  readonly #onAbort = (): void => {
    // A statement that runs now ends at once; the server ends its side when it finds the socket closed.
    this.#socket.destroy();
  };

  #onEnd(cause: unknown): void {
    if (this.#closing || this.lost.aborted || this.#context.signal.aborted) return;
    this.#lost.abort(
      failure(
        "POSTGRES_CONNECTION_LOST",
        `the connection to PostgreSQL was lost: ${errorMessage(cause)}`,
        {
          hint: "Look into the server's log for why it ended the session, then run the command again.",
          cause,
        },
      ),
    );
  }
}

/**
 * Connects and prepares the session. The session ends when the context's signal is aborted.
 *
 * @throws {HindsightError} `POSTGRES_CONNECTION_FAILED` with the reason and the next step.
 */
export async function connect(settings: ConnectionSettings, context: Context): Promise<Session> {
  context.signal.throwIfAborted();
  const host = settings.socketDirectory ?? (await defaultSocketDirectory(settings.port));
  const user = settings.user ?? userInfo().username;
  const socket = new Socket();
  const client = new Client({
    host,
    user,
    port: settings.port,
    database: settings.database,
    password: settings.password?.reveal(),
    application_name: settings.applicationName ?? "hindsight",
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    keepAlive: true,
    options: STARTUP_OPTIONS,
    ssl: false,
    stream: () => socket,
  });
  // Without a listener a late error of the socket would end the process.
  client.on("error", () => undefined);
  const onAbort = (): void => void socket.destroy();
  context.signal.addEventListener("abort", onAbort, { once: true });
  try {
    await client.connect();
    await client.query(SESSION_SETTINGS);
    return new Session(client, socket, context);
  } catch (error) {
    socket.destroy();
    context.signal.throwIfAborted();
    throw explainConnectionFailure(error, { ...settings, host, user });
  } finally {
    context.signal.removeEventListener("abort", onAbort);
  }
}
