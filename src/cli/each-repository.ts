// Work that is done in every repository of a command, one after the other. That one fails keeps none of the others from
// being worked on; what failed is known at the end.
import type { Context } from "../base/context.ts";
import { HindsightError } from "../base/errors.ts";
import type { Settings } from "../config/settings.ts";
import { type FailureCode, isFailure } from "../model/failure.ts";
import type { WalArchive } from "../repository/wal-archive.ts";
import { openArchive, repositoryNumbers } from "./repositories.ts";

/** What came of one repository. */
export interface InRepository<Result> {
  readonly number: number;
  readonly path: string;
  readonly result: Result;
}

/** What came of all of them. */
export interface EachRepository<Result> {
  readonly done: readonly InRepository<Result>[];
  /** Why the others failed, in their order. */
  readonly problems: readonly HindsightError[];
}

/**
 * Runs `work` in each repository.
 *
 * @param options `elsewhere`: a failure that is none when another repository succeeds, such as a backup that only one has.
 */
export async function inEachRepository<Result>(
  settings: Settings,
  options: {
    readonly work: (archive: WalArchive, number: number) => Promise<Result>;
    readonly elsewhere?: FailureCode | undefined;
  },
  context: Context,
): Promise<EachRepository<Result>> {
  const done: InRepository<Result>[] = [];
  const problems: HindsightError[] = [];
  for (const number of repositoryNumbers(settings)) {
    try {
      const archive = await openArchive(settings, number, context);
      const result = await options.work(archive, number);
      done.push({ number, path: settings.get("repo-path", number), result });
    } catch (error) {
      context.signal.throwIfAborted();
      if (!(error instanceof HindsightError)) throw error;
      problems.push(error);
    }
  }
  const { elsewhere } = options;
  const isNone = (problem: HindsightError): boolean =>
    elsewhere !== undefined && done.length > 0 && isFailure(problem, elsewhere);
  return { done, problems: problems.filter((problem) => !isNone(problem)) };
}
