// Runs in every test file of the suites that use workspaces: a test that timed out never came to dispose of its
// workspace, so what is left at the end of the file is removed and the file fails, naming it.
import { afterAll } from "vitest";
import { disposeForgotten } from "./workspace.ts";

afterAll(async () => {
  const forgotten = await disposeForgotten();
  if (forgotten.length > 0) {
    throw new Error(`workspaces were not disposed of: ${forgotten.join(", ")}`);
  }
}, 60_000);
