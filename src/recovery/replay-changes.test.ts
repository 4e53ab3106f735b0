import { expect, test } from "vitest";
import { createContext } from "../base/context.ts";
import { timeline } from "../model/timeline.ts";
import type { ChangeQuestion } from "../restore/changed-blocks.ts";
import { createMemoryStore } from "../storage/memory.ts";
import { insertion, ITEMS, ORDERS } from "../wal/index.fixture.ts";
import { RESOURCE_MANAGER_CUSTOM_MIN } from "../wal/resource-manager/ids.ts";
import { WalBuilder } from "../wal/wal.fixture.ts";
import { findReplayChanges } from "./replay-changes.ts";
import { archiveIn, filesOf } from "./target.fixture.ts";

const context = createContext();

/** Segments 1 to 4; a record goes over the end of the second one, and one block changes in several. */
function builtWal(): WalBuilder {
  const builder = new WalBuilder();
  builder.append(insertion({ xid: 700, block: 9 }));
  builder.append(insertion({ xid: 700, block: 3, relation: ITEMS }));
  builder.switchSegment();
  builder.append(insertion({ xid: 701, block: 2 }));
  builder.fillSegment(40);
  builder.append(insertion({ xid: 701, block: 77 }));
  builder.append(insertion({ xid: 701, block: 9 }));
  builder.switchSegment();
  builder.append(insertion({ xid: 702, block: 500 }));
  builder.switchSegment();
  return builder;
}

async function question(
  files: Iterable<readonly [string, Buffer]>,
  parts: Partial<ChangeQuestion> = {},
): Promise<ChangeQuestion> {
  return {
    archive: await archiveIn(createMemoryStore(), files),
    history: { timeline: timeline(1), ancestors: [] },
    first: 1n,
    last: 4n,
    blockSizeBytes: 8192,
    isAsked: ({ relfilenode }) => relfilenode === ORDERS.relfilenode,
    ...parts,
  };
}

test("the blocks of all segments come together, each once, and only of relations that are asked for", async () => {
  const asked = await question(filesOf(builtWal()));
  const changes = await findReplayChanges(asked, context);
  expect([...changes.blocksOf(ORDERS)]).toEqual([2, 9, 77, 500]);
  expect([...changes.blocksOf(ITEMS)]).toEqual([]);
  expect(changes.copiedDatabases.size).toBe(0);
});

test("only the range is looked at", async () => {
  const asked = await question(filesOf(builtWal()), { first: 2n, last: 3n });
  expect([...(await findReplayChanges(asked, context)).blocksOf(ORDERS)]).toEqual([2, 9, 77]);
});

test.each([1, 2, 3, 4])("without segment %i there is no answer", async (number) => {
  const files = filesOf(builtWal()).filter((_, place) => place !== number - 1);
  await expect(findReplayChanges(await question(files), context)).rejects.toMatchObject({
    code: "WAL_SEGMENT_MISSING",
    exitCode: 31,
    message: expect.stringContaining(`00000001000000000000000${number}`),
    hint: expect.stringContaining("index --rebuild"),
  });
});

test("a segment that cannot be read is no answer either", async () => {
  const files = filesOf(builtWal()).map(([name, bytes], place) => {
    const damaged = Buffer.from(bytes);
    if (place === 2) damaged.fill(0xff, 0, 100);
    return [name, damaged] as const;
  });
  await expect(findReplayChanges(await question(files), context)).rejects.toMatchObject({
    code: expect.stringMatching(/^WAL_SEGMENT_/),
  });
});

test("records of an extension's resource manager are refused: nobody knows which pages they look at", async () => {
  const builder = builtWal();
  builder.append({
    resourceManager: RESOURCE_MANAGER_CUSTOM_MIN + 1,
    operation: 0,
    body: Buffer.alloc(0),
  });
  builder.switchSegment();
  await expect(
    findReplayChanges(await question(filesOf(builder), { last: 5n }), context),
  ).rejects.toMatchObject({ code: "PART_IMPOSSIBLE", exitCode: 29 });
});
