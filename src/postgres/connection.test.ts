// What a session does when the world misbehaves, against a server of a few lines that speaks as much of PostgreSQL's
// protocol as is needed. Against real servers of all majors: test/integration/postgres-facts.test.ts.
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Context, createContext } from "../base/context.ts";
import { connect, type Session } from "./connection.ts";

const PORT = 5999;

let socketDirectory: string;
let server: Server | undefined;
let clients: Socket[];

beforeEach(async () => {
  socketDirectory = await mkdtemp(join(tmpdir(), "hindsight-pg-"));
  clients = [];
});

afterEach(async () => {
  for (const client of clients) client.destroy();
  server?.close();
  server = undefined;
  await rm(socketDirectory, { recursive: true });
});

function open(context: Context = createContext()): Promise<Session> {
  return connect({ socketDirectory, port: PORT, user: "u", database: "d" }, context);
}

/** A message of the protocol: type, length, content. */
function message(type: string, content: string | Buffer): Buffer {
  const body = Buffer.from(content);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length + 4);
  return Buffer.concat([Buffer.from(type), length, body]);
}

const READY = message("Z", "I");
const WELCOME = Buffer.concat([message("R", Buffer.alloc(4)), READY]);
const DONE = Buffer.concat([message("C", "SET\0"), READY]);
const refusal = (code: string, text: string): Buffer =>
  message("E", `SFATAL\0VFATAL\0C${code}\0M${text}\0\0`);

/** Answers the start of a session, then its first statement, then leaves every further one to `onStatement`. */
async function serve(welcome: Buffer, onStatement: (client: Socket) => void): Promise<void> {
  server = createServer((client) => {
    clients.push(client);
    client.on("error", () => undefined);
    let count = 0;
    client.on("data", (chunk) => {
      // A goodbye asks for no answer.
      if (chunk[0] === 0x58) return void client.end();
      count += 1;
      if (count === 1) client.write(welcome);
      else if (count === 2) client.write(DONE);
      else onStatement(client);
    });
  });
  const listening = server.listen(join(socketDirectory, `.s.PGSQL.${PORT}`));
  await new Promise((resolve) => listening.once("listening", resolve));
}

describe("connecting", () => {
  test("without a socket says where it was looked for", async () => {
    await expect(open()).rejects.toMatchObject({
      code: "POSTGRES_CONNECTION_FAILED",
      exitCode: 10,
      message: `cannot connect to PostgreSQL at ${socketDirectory}/.s.PGSQL.${PORT}: there is no such socket`,
    });
  });

  test("to a socket that nobody listens at any more", async () => {
    await writeFile(join(socketDirectory, `.s.PGSQL.${PORT}`), "");
    await expect(open()).rejects.toMatchObject({
      message: expect.stringContaining("no server listens there") as string,
    });
  });

  test.each([
    ["57P03", "the database system is starting up", "Wait until"],
    ["53300", "sorry, too many clients already", "max_connections"],
  ])("is refused with %s in the server's words", async (code, text, hint) => {
    await serve(refusal(code, text), () => undefined);
    await expect(open()).rejects.toMatchObject({
      message: expect.stringContaining(text) as string,
      hint: expect.stringContaining(hint) as string,
    });
  });

  test("ends with the signal's reason when it is aborted, and never began when it was before", async () => {
    await serve(Buffer.alloc(0), () => undefined);
    const controller = new AbortController();
    const opening = open(createContext({ signal: controller.signal }));
    const reason = new Error("interrupted");
    setTimeout(() => controller.abort(reason), 20);
    await expect(opening).rejects.toBe(reason);
    expect(clients).toHaveLength(1);
    await expect(open(createContext({ signal: controller.signal }))).rejects.toBe(reason);
    expect(clients).toHaveLength(1);
  });
});

describe("a session", () => {
  test("is lost when the server goes away in the middle of a statement", async () => {
    await serve(WELCOME, (client) => client.destroy());
    await using session = await open();
    const running = session.rows("select 1");
    await expect(running).rejects.toMatchObject({ code: "POSTGRES_CONNECTION_LOST", exitCode: 10 });
    expect(session.lost.aborted).toBe(true);
    await expect(session.rows("select 1")).rejects.toBe(session.lost.reason);
  });

  test("is lost when the server ends it while nothing runs, and nothing else happens", async () => {
    await serve(WELCOME, () => undefined);
    await using session = await open();
    const lost = new Promise((resolve) => session.lost.addEventListener("abort", resolve));
    clients[0]?.end(refusal("57P01", "terminating connection due to administrator command"));
    await lost;
    expect(session.lost.reason).toMatchObject({
      code: "POSTGRES_CONNECTION_LOST",
      message: expect.stringContaining("administrator command") as string,
    });
  });

  test("survives a statement that is refused", async () => {
    await serve(WELCOME, (client) =>
      client.write(Buffer.concat([refusal("42501", "permission denied"), READY])),
    );
    await using session = await open();
    await expect(session.value("select 1")).rejects.toMatchObject({
      code: "POSTGRES_QUERY_FAILED",
    });
    expect(session.lost.aborted).toBe(false);
  });

  test("runs statements one after the other, also when they are asked for at once", async () => {
    let sent = 0;
    await serve(WELCOME, (client) => {
      sent += 1;
      const answered = sent;
      setTimeout(() => {
        expect(sent).toBe(answered);
        client.write(DONE);
      }, 20);
    });
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on("warning", onWarning);
    await using session = await open();
    await Promise.all([
      session.rows("select 1"),
      session.rows("select 2"),
      session.rows("select 3"),
    ]);
    process.off("warning", onWarning);
    expect(sent).toBe(3);
    expect(warnings).toEqual([]);
  });

  test("ends a waiting statement with the signal's reason, and is not called lost then", async () => {
    await serve(WELCOME, () => undefined);
    const controller = new AbortController();
    await using session = await open(createContext({ signal: controller.signal }));
    const running = session.rows("select pg_backup_start('x')");
    const reason = new Error("interrupted");
    setTimeout(() => controller.abort(reason), 20);
    await expect(running).rejects.toBe(reason);
    expect(session.lost.aborted).toBe(false);
    await expect(session.rows("select 1")).rejects.toBe(reason);
  });

  test("can be disposed twice, and of a server that does not answer", async () => {
    await serve(WELCOME, () => undefined);
    const session = await open();
    await session[Symbol.asyncDispose]();
    await session[Symbol.asyncDispose]();
    expect(session.lost.aborted).toBe(false);
  });
});
