// `hindsight index`: which archived WAL has no index; with --rebuild, makes the missing ones.
import { type IndexRebuild, rebuildIndexes } from "../../archive/rebuild-indexes.ts";
import {
  type IndexCoverage,
  indexCoverage,
  REBUILD_COMMAND,
} from "../../archive/unindexed-spans.ts";
import type { Context } from "../../base/context.ts";
import type { Settings } from "../../config/settings.ts";
import { EXIT } from "../../model/failure.ts";
import type { Invocation } from "../invocation.ts";
import type { JsonValue } from "../render/json.ts";
import { unindexedJson, unindexedText } from "../render/unindexed.ts";
import { openArchive, repositoryNumbers } from "../repositories.ts";

/** What is known about one repository in the end. */
interface Result {
  readonly number: number;
  readonly coverage: IndexCoverage;
  /** Undefined without --rebuild. */
  readonly rebuild: IndexRebuild | undefined;
  readonly isDryRun: boolean;
}

/**
 * Goes over the repositories one by one.
 *
 * @returns 0, or with --rebuild the status of the first segment whose index could not be made although it should.
 */
export async function run({ settings, context, output }: Invocation): Promise<number> {
  const stanza = settings.requireStanza();
  const results: Result[] = [];
  for (const number of repositoryNumbers(settings)) {
    results.push(await indexRepository(settings, number, context));
  }
  const failures = results.flatMap(({ rebuild }) => rebuild?.failed ?? []);
  output.result([`stanza ${stanza}:`, ...results.flatMap(resultLines)].join("\n"), {
    stanza,
    segments: sum(results, ({ coverage }) => coverage.segmentCount),
    indexed: sum(results, ({ coverage, rebuild }) => (rebuild ?? coverage).indexedCount),
    built: sum(results, ({ rebuild }) => rebuild?.built.length ?? 0),
    failed: results.flatMap(failedJson),
    dryRun: settings.get("dry-run"),
    unindexed: results.flatMap(({ number, coverage }) =>
      coverage.unindexed.map((span) => unindexedJson(span, number)),
    ),
  });
  return failures.find(({ exitCode }) => exitCode !== EXIT.done)?.exitCode ?? EXIT.done;
}

async function indexRepository(
  settings: Settings,
  number: number,
  context: Context,
): Promise<Result> {
  const archive = await openArchive(settings, number, context);
  const isDryRun = settings.get("dry-run");
  const rebuild = settings.get("rebuild")
    ? await rebuildIndexes(archive, { isDryRun }, context)
    : undefined;
  return { number, coverage: await indexCoverage(archive, {}, context), rebuild, isDryRun };
}

function resultLines({ number, coverage, rebuild, isDryRun }: Result): readonly string[] {
  const title = `  repository ${number}: ${coverage.segmentCount} segments`;
  const spans = coverage.unindexed.map((span) => `    no index: ${unindexedText(span)}`);
  if (!rebuild) {
    const isWhole = coverage.unindexed.every((span) => span.beginsArchive);
    const lines = [`${title}, ${coverage.indexedCount} have an index`, ...spans];
    return isWhole ? lines : [...lines, `    run ${REBUILD_COMMAND} to make what is missing`];
  }
  const { indexedCount, built, failed } = rebuild;
  if (isDryRun) {
    return [`${title}, ${indexedCount} have an index, ${built.length} would be tried`, ...spans];
  }
  return [
    `${title}, ${indexedCount} had an index, ${built.length} were made, ${failed.length} could not be made`,
    ...failed.map(({ segment, reason }) => `    ${segment}: ${reason}`),
  ];
}

function failedJson({ number, rebuild }: Result): readonly JsonValue[] {
  return (rebuild?.failed ?? []).map(({ segment, reason }) => ({
    segment,
    reason,
    "repo-key": number,
  }));
}

function sum(results: readonly Result[], count: (result: Result) => number): number {
  return results.reduce((total, result) => total + count(result), 0);
}
