import { DatabaseError } from "pg";
import { expect, test } from "vitest";
import {
  explainConnectionFailure,
  explainQueryFailure,
  isSessionEnd,
} from "./connection-failure.ts";

const ATTEMPT = { host: "/run/pg", port: 5433, user: "backup", database: "postgres" };

function refusal(code: string, message: string): DatabaseError {
  const error = new DatabaseError(message, message.length, "error");
  error.code = code;
  return error;
}

test.each([
  ["28P01", "pg_hba.conf"],
  ["28000", "pg1-user"],
  ["3D000", "pg1-database"],
  ["42501", "CONNECT"],
  ["53300", "max_connections"],
  ["57P03", "accepts connections"],
  ["XX000", "server's log"],
])("a refusal %s keeps PostgreSQL's words and says what to do", (code, word) => {
  const error = explainConnectionFailure(refusal(code, "the server's own words"), ATTEMPT);
  expect(error).toMatchObject({ code: "POSTGRES_CONNECTION_FAILED", exitCode: 10 });
  expect(error.message).toBe(
    "cannot connect to PostgreSQL at /run/pg/.s.PGSQL.5433: the server's own words",
  );
  expect(error.hint).toContain(word);
});

test.each([
  [Object.assign(new Error(), { code: "ENOENT" }), "no such socket", "pg1-socket-path"],
  [Object.assign(new Error(), { code: "ECONNREFUSED" }), "no server listens", "Start the server"],
  [Object.assign(new Error(), { code: "EACCES" }), "may not open the socket", "PostgreSQL runs as"],
  [Object.assign(new Error(), { code: "ENOTFOUND" }), "cannot be resolved", "pg1-socket-path"],
  [new Error("timeout expired"), "did not answer in time", "stopped"],
  [new Error("SASL: client password must be a string"), "asks for a password", "pg_hba.conf"],
  [new Error("something new"), "something new", "pg1-port"],
])("%s is put in plain words", (cause, text, hint) => {
  const error = explainConnectionFailure(cause, { ...ATTEMPT, host: "db1" });
  expect(error.message).toContain(`db1:5433: `);
  expect(error.message).toContain(text);
  expect(error.hint).toContain(hint);
});

test("knows which errors end a session", () => {
  for (const code of ["57P01", "57P02", "57P03", "57P05", "25P03", "25P04", "08006"]) {
    expect(isSessionEnd(refusal(code, "")), code).toBe(true);
  }
  for (const code of ["42501", "57014", "55000", "25P01", "25P02", "22023"]) {
    expect(isSessionEnd(refusal(code, "")), code).toBe(false);
  }
  expect(isSessionEnd(new Error("Connection terminated unexpectedly"))).toBe(true);
});

test("names the privileges that a refused statement needs", () => {
  const error = explainQueryFailure(
    refusal("42501", "permission denied for function pg_backup_start"),
  );
  expect(error).toMatchObject({
    code: "POSTGRES_QUERY_FAILED",
    exitCode: 11,
    context: { sqlstate: "42501" },
  });
  expect(error.message).toContain("permission denied for function pg_backup_start");
  expect(error.hint).toContain("EXECUTE on pg_backup_start");
});
