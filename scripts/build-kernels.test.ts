import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compileKernel, KERNELS } from "./build-kernels.ts";

test.each(KERNELS)("$target is what $source compiles to", async ({ source, target }) => {
  const committed = await readFile(join(import.meta.dirname, "..", target));
  expect(committed.equals(await compileKernel(source)), "run `npm run kernels`").toBe(true);
});
