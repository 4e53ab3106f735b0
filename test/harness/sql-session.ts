// A connection to a cluster of a test. Values come as PostgreSQL's own text, nothing is parsed by the driver.
import { Client } from "pg";

/** A row: columns by name, as text. */
export type Row = Readonly<Record<string, string | null>>;

/** One session; disposing of it ends it. */
export interface SqlSession extends AsyncDisposable {
  /** Rows of the last statement. With parameters, only one statement. */
  sql(text: string, parameters?: readonly unknown[]): Promise<readonly Row[]>;
  /** The first column of the first row. */
  value(text: string, parameters?: readonly unknown[]): Promise<string | null>;
}

/** Opens a session as the superuser postgres. */
export async function openSqlSession(place: {
  readonly host: string;
  readonly port: number;
  readonly database: string;
}): Promise<SqlSession> {
  const client = new Client({
    ...place,
    user: "postgres",
    application_name: "hindsight-test",
    types: { getTypeParser: () => (text: string) => text },
  });
  // A server that is stopped under an idle session is part of many tests, not an error of the session.
  client.on("error", () => undefined);
  await client.connect();
  const sql = async (
    text: string,
    parameters: readonly unknown[] = [],
  ): Promise<readonly Row[]> => {
    const values = parameters.length === 0 ? {} : { values: [...parameters] };
    // Several statements in one text give one result each.
    const results = [await client.query({ text, ...values })].flat();
    return (results.at(-1)?.rows ?? []) as readonly Row[];
  };
  return {
    sql,
    value: async (text, parameters) =>
      Object.values((await sql(text, parameters))[0] ?? {})[0] ?? null,
    [Symbol.asyncDispose]: () => client.end(),
  };
}
