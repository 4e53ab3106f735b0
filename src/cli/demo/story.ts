// The story of the demonstration, told live: a protected cluster, an accident, a first restore that goes too far, a
// second one to the instant before, and the proof. Every command is the real one, every output is what it printed.
//
// What is told is also kept as facts, for the reports and for the final check.
import type { Context } from "../../base/context.ts";
import { failure } from "../../model/failure.ts";
import { formatInZone, parseInstant } from "../../model/timestamp.ts";
import type { Session } from "../../postgres/connection.ts";
import { readDecisiveLines } from "../../recovery/reports.ts";
import { countRows, type RowCounts, sameCounts, thousands } from "./counts.ts";
import { type FoundAccident, readAccident } from "./search.ts";
import { type DemoStage, RECOVERED_PORT } from "./stage.ts";
import {
  ACCIDENT,
  BASELINE,
  BEFORE_ACCIDENT,
  CREATE_CRITICAL_ORDERS,
  CREATE_ORDERS,
  FILL_TABLES,
  LATE_CUSTOMER,
  NEW_CRITICAL_ORDERS,
  NORMAL_ORDERS,
} from "./tables.ts";
import type { Telling } from "./telling.ts";

/** One restore, as the command reported it, and what was found in it. */
export interface DemoAttempt {
  /** In words, such as `2025-11-19 11:50:02.1+00:00`. */
  readonly target: string;
  readonly startedAt: Temporal.Instant;
  readonly endedAt: Temporal.Instant;
  readonly report: RestoreReport;
  readonly counts: RowCounts;
  readonly isGood: boolean;
}

/** The part of the JSON of `restore --start` that the story reads. */
export interface RestoreReport {
  readonly backup: string;
  readonly dataDirectory: string;
  readonly bytes: number;
  readonly filesRestored: number;
  readonly seconds: number;
  readonly recovery: {
    readonly state: string;
    readonly port: number;
    readonly socketDirectory: string;
    readonly timeline: number;
    readonly replaySeconds: number;
    readonly totalSeconds: number;
    readonly logFile: string;
    readonly lastReplayed: {
      readonly xid: string | null;
      readonly replayedLsn: string | null;
      readonly time: string | null;
    };
  };
}

/** What happened, as it was measured while the story was told: the reports are written from it. */
export interface StoryFacts {
  /** When the good state was marked by a restore point, by production's clock. */
  readonly goodAt: Temporal.Instant;
  /** When the empty table was noticed. */
  readonly detectedAt: Temporal.Instant;
  /** What `hindsight find` said of the transaction that did it. */
  readonly accident: FoundAccident;
  /** When everything was recovered and counted. */
  readonly verifiedAt: Temporal.Instant;
  readonly attempts: readonly DemoAttempt[];
  readonly production: RowCounts;
  /** Whether the servers stay up after the story. */
  readonly isKept: boolean;
}

/**
 * Tells the story to its end.
 *
 * @throws {HindsightError} `DEMO_COUNT_WRONG` when any count is not what it must be; what a command failed with.
 */
export async function tellStory(
  stage: DemoStage,
  telling: Telling,
  context: Context,
): Promise<StoryFacts> {
  const story = new Story(stage, telling, context);
  await story.protect();
  await using production = await stage.openProduction();
  await story.trade(production);
  const noticed = await story.haveAccident(production);
  const tooLate = await story.restoreTooLate(noticed.detectedAt);
  const accident = await story.findAccident();
  const attempts = [tooLate, await story.restoreToTheInstantBefore(accident)];
  const verifiedAt = context.clock.now();
  return {
    ...noticed,
    accident,
    verifiedAt,
    attempts,
    production: await countRows(production),
    isKept: stage.isKept,
  };
}

type Noticed = Pick<StoryFacts, "goodAt" | "detectedAt">;

class Story {
  readonly #stage: DemoStage;
  readonly #telling: Telling;
  readonly #context: Context;
  #goodAt: Temporal.Instant | undefined;

  constructor(stage: DemoStage, telling: Telling, context: Context) {
    this.#stage = stage;
    this.#telling = telling;
    this.#context = context;
  }

  /** Chapter 1: what must be there before the accident. */
  async protect(): Promise<void> {
    this.#telling.chapter("A PostgreSQL 18 cluster in production, protected");
    this.#telling.say(`archive_command = '${this.#stage.command} … archive-push "%p"'`);
    await this.#type(["stanza-create"]);
    await using production = await this.#stage.openProduction();
    const statements = [...CREATE_ORDERS, ...CREATE_CRITICAL_ORDERS, ...FILL_TABLES];
    for (const sql of statements) await production.rows(sql);
    this.#expect(await countRows(production), BASELINE, "the baseline");
    this.#telling.say("Baseline: 1,000 users, 60,004 orders, 10,000 critical orders.");
    await this.#type(["backup", "--type=full"]);
    await this.#type(["check"]);
    await this.#type(["info"]);
  }

  /** Chapter 2: business as usual, which must not be lost. */
  async trade(production: Session): Promise<void> {
    this.#telling.chapter("Business as usual after the backup");
    await this.#query(
      production,
      NORMAL_ORDERS,
      "INSERT 100 rows NORMAL_ORDER_1 … NORMAL_ORDER_100 INTO orders",
    );
    await this.#query(production, NEW_CRITICAL_ORDERS, "INSERT 500 new rows INTO critical_orders");
    await this.#query(production, "SELECT pg_create_restore_point('before_disaster')");
    this.#goodAt = await serverTime(production);
    const counts = await countRows(production);
    this.#expect(counts, BEFORE_ACCIDENT, "the good state");
    this.#telling.say(
      `Good state at ${formatInZone(this.#goodAt, "UTC")}: 60,104 orders, 10,500 critical orders.`,
    );
  }

  /** Chapter 3: two DELETEs in one transaction, noticed, and the WAL that holds them archived. */
  async haveAccident(production: Session): Promise<Noticed> {
    this.#telling.chapter("The accident");
    await production.rows("BEGIN");
    for (const sql of ACCIDENT) await this.#query(production, sql);
    await this.#query(production, "COMMIT");
    const counts = await countRows(production);
    if (counts.orders !== 0) throw wrongCount("orders after the accident", 0, counts.orders);
    this.#telling.table([
      ["production now", "orders", "critical orders"],
      ["", String(counts.orders), String(counts.criticalOrders)],
    ]);
    const detectedAt = this.#context.clock.now();
    await this.#query(production, LATE_CUSTOMER);
    this.#telling.say(
      "Noticed. The application is stopped; the last WAL segment is closed and archived:",
    );
    await this.#archiveEverything(production);
    if (!this.#goodAt) throw new Error("the story was told out of order");
    return { goodAt: this.#goodAt, detectedAt };
  }

  /** Chapter 4: the mistake of every first restore. */
  async restoreTooLate(detectedAt: Temporal.Instant): Promise<DemoAttempt> {
    this.#telling.chapter("First restore, to a time that somebody remembered");
    // A minute that somebody remembers is never the right one; here it is the last moment before the report of it.
    const target = formatInZone(detectedAt, "UTC");
    const attempt = await this.#restore(["--type=time", `--target=${target}`], `time ${target}`);
    this.#telling.say(
      "Too late: the DELETE is part of it. Found wanting, and discarded; the sources are untouched.",
    );
    if (attempt.counts.orders !== 0)
      throw wrongCount("orders of the first restore", 0, attempt.counts.orders);
    await this.#stage.discardRecovered();
    return attempt;
  }

  /** Chapter 5: the archive knows which transaction did it. */
  async findAccident(): Promise<FoundAccident> {
    this.#telling.chapter("Ask the archive: who deleted the orders?");
    const search = ["find", "--table=orders", "--operation=delete"];
    await this.#type(search);
    const found = await this.#read(search);
    const accident = readAccident(found, await this.#read(["find", "--limit=1000"]));
    const rows = accident.deleted.find(({ relation }) => relation === "public.orders")?.rows ?? 0;
    if (rows !== BEFORE_ACCIDENT.orders) {
      throw wrongCount("orders that find saw deleted", BEFORE_ACCIDENT.orders, rows);
    }
    const at = formatInZone(accident.at, "UTC");
    this.#telling.say(
      `Transaction ${accident.xid} deleted ${thousands(rows)} orders at ${at}. Going back to just before it gives up:`,
    );
    for (const { xid, what } of accident.givenUp) {
      this.#telling.say(`  transaction ${xid}, ${what}`);
    }
    return accident;
  }

  /** Chapter 6: from the same base to the instant before. */
  async restoreToTheInstantBefore(accident: FoundAccident): Promise<DemoAttempt> {
    this.#telling.chapter("Second restore, to the instant before the transaction that did it");
    const attempt = await this.#restore(
      accident.target,
      `the instant before transaction ${accident.xid}`,
    );
    this.#expect(attempt.counts, BEFORE_ACCIDENT, "the recovered cluster");
    return attempt;
  }

  async #restore(targetOptions: readonly string[], target: string): Promise<DemoAttempt> {
    const startedAt = this.#context.clock.now();
    const options = [
      ...targetOptions,
      `--pg1-path=${this.#stage.recovered}`,
      "--start",
      `--port=${RECOVERED_PORT}`,
    ];
    const report = await this.#typeForReport(["restore", ...options]);
    const { socketDirectory, port, logFile } = report.recovery;
    this.#telling.say("PostgreSQL's own words about it:");
    this.#telling.output((await readDecisiveLines(logFile)).join("\n"));
    await using session = await this.#stage.session(socketDirectory, port);
    const counts = await countRows(session);
    const endedAt = this.#context.clock.now();
    await using production = await this.#stage.openProduction();
    const now = await countRows(production);
    this.#telling.table([
      ["", "orders", "critical orders"],
      ["production", thousands(now.orders), thousands(now.criticalOrders)],
      ["recovered, beside it", thousands(counts.orders), thousands(counts.criticalOrders)],
      ["must be", thousands(BEFORE_ACCIDENT.orders), thousands(BEFORE_ACCIDENT.criticalOrders)],
    ]);
    return {
      target,
      startedAt,
      endedAt,
      report,
      counts,
      isGood: sameCounts(counts, BEFORE_ACCIDENT),
    };
  }

  async #archiveEverything(production: Session): Promise<void> {
    const segment = await production.value("SELECT pg_walfile_name(pg_switch_wal())");
    this.#telling.typed("psql -c 'SELECT pg_switch_wal()'");
    const deadlineMs = this.#context.clock.monotonicMs() + 30_000;
    for (;;) {
      const last = (await production.value("SELECT last_archived_wal FROM pg_stat_archiver")) ?? "";
      if (last.slice(0, 24) >= String(segment)) break;
      if (this.#context.clock.monotonicMs() > deadlineMs) {
        throw failure("WAL_ARCHIVE_TIMEOUT", `segment ${segment} was not archived`);
      }
      await this.#context.clock.sleep(50, this.#context.signal);
    }
    this.#telling.output(`archived: ${segment}`);
  }

  async #query(session: Session, sql: string, shown: string = sql): Promise<void> {
    this.#telling.typed(`psql -c "${shown}"`);
    await session.rows(sql);
  }

  /** Runs a command and shows what it printed. */
  async #type(parameters: readonly string[]): Promise<void> {
    this.#telling.typed(["hindsight", ...parameters].map(shellWord).join(" "));
    const end = await this.#stage.hindsight(parameters);
    this.#telling.output(end.stdout.trim() === "" ? end.stderr : end.stdout);
    if (end.status !== 0) throw commandFailed(parameters, end);
  }

  /** Runs a command for its JSON, without showing anything. */
  async #read(parameters: readonly string[]): Promise<string> {
    const end = await this.#stage.hindsight(["--output=json", ...parameters]);
    if (end.status !== 0) throw commandFailed(parameters, end);
    return end.stdout;
  }

  /** Runs a restore for its JSON, and shows the text that the command writes beside it. */
  async #typeForReport(parameters: readonly string[]): Promise<RestoreReport> {
    this.#telling.typed(["hindsight", ...parameters].map(shellWord).join(" "));
    const end = await this.#stage.hindsight([
      "--output=json",
      "--log-level-console=info",
      ...parameters,
    ]);
    if (end.status !== 0) throw commandFailed(parameters, end);
    this.#telling.output(end.stderr);
    return JSON.parse(end.stdout) as RestoreReport;
  }

  #expect(actual: RowCounts, expected: RowCounts, what: string): void {
    if (sameCounts(actual, expected)) return;
    throw wrongCount(what, JSON.stringify(expected), JSON.stringify(actual));
  }
}

async function serverTime(session: Session): Promise<Temporal.Instant> {
  const text = String(
    await session.value(
      "SELECT to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')",
    ),
  );
  return parseInstant(text);
}

function commandFailed(
  parameters: readonly string[],
  end: { status: number; stderr: string },
): Error {
  return failure(
    "CHECK_FAILED",
    `hindsight ${parameters[0]} ended with status ${end.status}: ${end.stderr.trim()}`,
  );
}

/** As a DBA would have to type it. */
function shellWord(word: string): string {
  return /^[\w./:=+-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function wrongCount(what: string, expected: unknown, actual: unknown): Error {
  return failure(
    "DEMO_COUNT_WRONG",
    `${what}: expected ${String(expected)}, found ${String(actual)}`,
  );
}
