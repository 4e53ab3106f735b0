// What the tests of archive-get stand on: two archives that can be made to fail, and an empty place to deliver to.
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeEach, expect, onTestFinished } from "vitest";
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

/** Two archives and a place to deliver to, laid anew for every test and removed when it is done. */
export interface GetGround {
  readonly first: TestArchive;
  readonly second: TestArchive;
  /** Holds the destination alone. */
  readonly directory: string;
  readonly destination: string;
  readonly ask: (name: string, options?: Ask) => Promise<GetAnswer>;
  /** Why it was refused; whatever is refused leaves no file, not even a part of one. */
  readonly refusal: (answer: Promise<GetAnswer>) => Promise<unknown>;
  /** Compared by Buffer: vitest takes seconds for a segment. */
  readonly expectDelivered: (bytes: Buffer) => Promise<void>;
}

type Laid = Pick<GetGround, "first" | "second" | "directory" | "destination">;

async function lay(): Promise<Laid> {
  const directory = await mkdtemp(join(tmpdir(), "archive-get-"));
  onTestFinished(() => rm(directory, { recursive: true }));
  return {
    first: await makeTestArchive(),
    second: await makeTestArchive(),
    directory,
    destination: join(directory, "RECOVERYXLOG"),
  };
}

/** Called once in a file, outside of its tests; what it gives is always the ground of the test that runs. */
export function useGetGround(): GetGround {
  let laid: Laid | undefined;
  beforeEach(async () => {
    laid = await lay();
  });
  const current = (): Laid => {
    if (laid === undefined) throw new Error("no test has begun");
    return laid;
  };
  return {
    get first() {
      return current().first;
    },
    get second() {
      return current().second;
    },
    get directory() {
      return current().directory;
    },
    get destination() {
      return current().destination;
    },
    ask: (name, options = {}) => {
      const { first, destination } = current();
      const request = {
        name,
        destination: options.destination ?? destination,
        archives: (options.archives ?? [first]).map(({ archive }) => archive),
        lastSegment: options.last,
        nothingAfterLast: options.nothingAfterLast ?? false,
        pinnedTimeline: options.pinned === undefined ? undefined : timeline(options.pinned),
        allowPromotion: options.allowPromotion ?? false,
      };
      return getWalFileTo(request, createContext());
    },
    refusal: async (answer) => {
      const error = await answer.then(
        (wrong) => new Error(`was answered: ${wrong}`),
        (thrown: unknown) => thrown,
      );
      expect(await readdir(current().directory)).toEqual([]);
      return error;
    },
    expectDelivered: async (bytes) => {
      expect((await readFile(current().destination)).equals(bytes)).toBe(true);
    },
  };
}
