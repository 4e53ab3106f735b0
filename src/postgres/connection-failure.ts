// Says in plain words why PostgreSQL could not be reached or did not do what it was asked, and what to do next.
import { DatabaseError } from "pg";
import { errorMessage, type HindsightError, systemErrorCode } from "../base/errors.ts";
import { failure } from "../model/failure.ts";

/** What was tried, for the message. */
export interface ConnectionAttempt {
  /** An absolute socket directory, or the name of a host. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly database: string;
}

interface Reason {
  readonly text: string;
  readonly hint: string;
}

/** Builds `POSTGRES_CONNECTION_FAILED` for whatever the driver threw while connecting. */
export function explainConnectionFailure(
  error: unknown,
  attempt: ConnectionAttempt,
): HindsightError {
  const { text, hint } =
    error instanceof DatabaseError ? refusal(error, attempt) : unreachable(error, attempt);
  return failure(
    "POSTGRES_CONNECTION_FAILED",
    `cannot connect to PostgreSQL at ${place(attempt)}: ${text}`,
    {
      hint,
      context: { user: attempt.user, database: attempt.database },
      cause: error,
    },
  );
}

function place({ host, port }: ConnectionAttempt): string {
  return host.startsWith("/") ? `${host}/.s.PGSQL.${port}` : `${host}:${port}`;
}

/** The server could not be talked to at all. */
function unreachable(error: unknown, attempt: ConnectionAttempt): Reason {
  const start = "Start the server, or set pg1-socket-path and pg1-port to where it listens.";
  switch (systemErrorCode(error)) {
    case "ENOENT":
      return {
        text: "there is no such socket",
        hint: `Either PostgreSQL is not running or its socket is elsewhere. ${start}`,
      };
    case "ECONNREFUSED":
      return { text: "no server listens there", hint: start };
    case "EACCES":
    case "EPERM":
      return {
        text: "this user may not open the socket",
        hint: "Run the command as the user that PostgreSQL runs as, or open unix_socket_permissions.",
      };
    case "ENOTFOUND":
    case "EAI_AGAIN":
      return {
        text: `the host name ${attempt.host} cannot be resolved`,
        hint: "Correct pg1-socket-path.",
      };
    default:
  }
  const message = errorMessage(error);
  if (/timeout expired/.test(message)) {
    return {
      text: "the server accepted the connection but did not answer in time",
      hint: "Look whether the server is stopped, overloaded or waits for its storage.",
    };
  }
  if (/SASL|password/i.test(message)) {
    return { text: "the server asks for a password", hint: passwordHint(attempt) };
  }
  return { text: message, hint: start };
}

function passwordHint({ user }: ConnectionAttempt): string {
  return `Give role ${user} a password file, or let it in without a password by a "local … peer" line in pg_hba.conf.`;
}

/** The server answered, and said no. */
function refusal(error: DatabaseError, attempt: ConnectionAttempt): Reason {
  const text = error.message;
  switch (error.code) {
    case "28P01":
      return { text, hint: passwordHint(attempt) };
    case "28000":
      return {
        text,
        hint: `Set pg1-user to a role that exists and that pg_hba.conf lets in from here; ${attempt.user} was tried.`,
      };
    case "3D000":
      return { text, hint: "Set pg1-database to a database that exists." };
    case "42501":
      return {
        text,
        hint: `Grant role ${attempt.user} the CONNECT privilege on ${attempt.database}.`,
      };
    case "53300":
      return {
        text,
        hint: "Close idle sessions or raise max_connections; superuser_reserved_connections keeps places for superusers.",
      };
    case "57P03":
      return {
        text,
        hint: "The server is starting up, shutting down or still replaying WAL. Wait until its log says that it accepts connections.",
      };
    default:
      return { text, hint: "Look into the server's log for the reason." };
  }
}

/**
 * SQLSTATEs with which the server ends a session: shutdown, crash, database dropped, the idle and transaction timeouts,
 * and connection exceptions.
 *
 * @source PostgreSQL src/backend/utils/errcodes.txt
 */
const SESSION_END = /^(?:57P0[1-5]|25P0[34]|08...)$/;

/** Whether a failed statement means that the session is over. */
export function isSessionEnd(error: unknown): boolean {
  if (error instanceof DatabaseError) return SESSION_END.test(error.code ?? "");
  // Everything that is not PostgreSQL's answer comes from the socket.
  return true;
}

/** Builds `POSTGRES_QUERY_FAILED` for a statement that the server refused. */
export function explainQueryFailure(error: unknown): HindsightError {
  const state = error instanceof DatabaseError ? error.code : undefined;
  return failure(
    "POSTGRES_QUERY_FAILED",
    `PostgreSQL refused a statement: ${errorMessage(error)}`,
    {
      hint: queryHint(error),
      context: { sqlstate: state },
      cause: error,
    },
  );
}

function queryHint(error: unknown): string | undefined {
  if (!(error instanceof DatabaseError)) return undefined;
  if (error.code === "42501") {
    return "Connect as a superuser, or grant the role pg_read_all_settings and EXECUTE on pg_backup_start, pg_backup_stop, pg_switch_wal and pg_create_restore_point (pg_start_backup and pg_stop_backup on 14).";
  }
  return error.hint;
}
