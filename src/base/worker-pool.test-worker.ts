// The other thread of worker-pool.test.ts.
import { openSync } from "node:fs";
import { threadId } from "node:worker_threads";
import { HindsightError } from "./errors.ts";
import { serveJobs } from "./worker-pool.ts";

export type TestJob =
  | { readonly kind: "sum"; readonly bytes: Uint8Array }
  | { readonly kind: "fail" }
  | { readonly kind: "crash" }
  | { readonly kind: "open"; readonly path: string }
  | { readonly kind: "exit" };

export interface TestAnswer {
  readonly sum: number;
  readonly thread: number;
}

serveJobs((job: TestJob): { result: TestAnswer } => {
  switch (job.kind) {
    case "sum":
      return { result: { sum: job.bytes.reduce((sum, byte) => sum + byte, 0), thread: threadId } };
    case "fail":
      throw new HindsightError("TEST_FAILED", 22, "asked to fail", {
        hint: "Ask for something else.",
        context: { lsn: 5n },
      });
    case "crash":
      throw new Error("not one of ours");
    case "open":
      return { result: { sum: openSync(job.path, "r"), thread: threadId } };
    case "exit":
      process.exit(7);
  }
});
