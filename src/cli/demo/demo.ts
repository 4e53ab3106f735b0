// The demonstration from curtain to curtain: the stage is set, the story told, the reports are written, and everything
// is taken down again, also when it fails or is interrupted.
import type { Context } from "../../base/context.ts";
import { thousands } from "./counts.ts";
import { measureTable, writeReports } from "./reports.ts";
import { DemoStage, PRODUCTION_PORT, RECOVERED_PORT } from "./stage.ts";
import { type StoryFacts, tellStory } from "./story.ts";
import { createTelling, type Telling } from "./telling.ts";

/** How the demonstration is told, and what stays of it. */
export interface DemoRequest {
  /** Leave both servers up. */
  readonly keep: boolean;
  /** Where the reports are kept; created. */
  readonly reportDirectory: string;
  readonly colour: boolean;
  readonly write: (text: string) => void;
}

/** What the demonstration came to, as text and as JSON. */
export interface DemoResult {
  /** The last lines. */
  readonly closing: string;
  readonly json: {
    readonly recoveredOrders: number;
    readonly recoveredCriticalOrders: number;
    readonly productionOrders: number;
    readonly rtoSeconds: number | null;
    readonly rpoSeconds: number | null;
    readonly reports: readonly string[];
    readonly directory: string | null;
  };
}

/**
 * Runs the demonstration.
 *
 * @throws {HindsightError} `DEMO_COUNT_WRONG`, or what failed; everything is taken down.
 */
export async function runDemo(request: DemoRequest, context: Context): Promise<DemoResult> {
  const beginMs = context.clock.monotonicMs();
  const telling = createTelling(request.write, request.colour);
  await using stage = await DemoStage.open({ keep: request.keep, context });
  const facts = await tellStory(stage, telling, context);
  telling.chapter("Proof");
  const reports = await writeReports(facts, request.reportDirectory);
  telling.table(measureTable(reports, facts));
  telling.say("Reports:");
  for (const path of reports.paths) telling.say(`  ${path}`);
  if (request.keep) tellHowToGoOn(stage, telling, facts);
  stage.finish();
  const seconds = ((context.clock.monotonicMs() - beginMs) / 1000).toFixed(0);
  const counts = facts.attempts.at(-1)?.counts ?? facts.production;
  const ending = request.keep
    ? "Both servers are still up."
    : "Both servers are stopped and their directories removed.";
  return {
    closing: `\n${thousands(counts.orders)} of 60,104 orders are back, after ${seconds} s of demonstration. ${ending}`,
    json: {
      recoveredOrders: counts.orders,
      recoveredCriticalOrders: counts.criticalOrders,
      productionOrders: facts.production.orders,
      rtoSeconds: reports.rto.totalSeconds ?? null,
      rpoSeconds: reports.rpoSeconds ?? null,
      reports: reports.paths,
      directory: request.keep ? stage.directory : null,
    },
  };
}

function tellHowToGoOn(stage: DemoStage, telling: Telling, facts: StoryFacts): void {
  const recovered = facts.attempts.at(-1)?.report.recovery.socketDirectory ?? "";
  telling.chapter("Left for you");
  telling.say("Production, without its orders:");
  telling.typed(`psql -h ${stage.productionSockets} -p ${PRODUCTION_PORT} -U postgres`);
  telling.say("The recovered cluster, paused at the instant before:");
  telling.typed(`psql -h ${recovered} -p ${RECOVERED_PORT} -U postgres`);
  telling.say("To stop and remove everything:");
  telling.typed(stage.cleanUpCommand);
}
