// What the tests of archive-get stand on: two archives that can be made to fail, and an empty place to deliver to.
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { createContext } from "../base/context.ts";
import { timeline } from "../model/timeline.ts";
import { type GetAnswer, getWalFileTo } from "./get.ts";
import { makeTestArchive, type TestArchive } from "./wal-archive.fixture.ts";

/** What a test asks for, beside the name; the rest is as an unpinned recovery from the first archive asks. */
export interface Ask {
  readonly last?: string;
  readonly nothingAfterLast?: boolean;
  readonly pinned?: number;
  readonly allowPromotion?: boolean;
  readonly archives?: readonly TestArchive[];
  readonly destination?: string;
}

/** Laid anew for every test, and removed when it is done. */
export interface GetGround {
  readonly first: TestArchive;
  readonly second: TestArchive;
  /** Holds the destination alone. */
  readonly directory: string;
  readonly destination: string;
  ask(name: string, options?: Ask): Promise<GetAnswer>;
  /** Why it was refused; whatever is refused leaves no file, not even a part of one. */
  refusal(answer: Promise<GetAnswer>): Promise<unknown>;
  /** Compared by Buffer: vitest takes seconds for a segment. */
  expectDelivered(bytes: Buffer): Promise<void>;
}

export async function layGetGround(): Promise<GetGround> {
  const first = await makeTestArchive();
  const second = await makeTestArchive();
  const directory = await mkdtemp(join(tmpdir(), "archive-get-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  const destination = join(directory, "RECOVERYXLOG");
  return {
    first,
    second,
    directory,
    destination,
    ask: (name, options = {}) =>
      getWalFileTo(
        {
          name,
          destination: options.destination ?? destination,
          archives: (options.archives ?? [first]).map(({ archive }) => archive),
          lastSegment: options.last,
          nothingAfterLast: options.nothingAfterLast ?? false,
          pinnedTimeline: options.pinned === undefined ? undefined : timeline(options.pinned),
          allowPromotion: options.allowPromotion ?? false,
        },
        createContext(),
      ),
    refusal: async (answer) => {
      const error = await answer.then(
        (wrong) => new Error(`was answered: ${wrong}`),
        (thrown: unknown) => thrown,
      );
      expect(await readdir(directory)).toEqual([]);
      return error;
    },
    expectDelivered: async (bytes) => {
      expect((await readFile(destination)).equals(bytes)).toBe(true);
    },
  };
}
