// A reporter that ends the output with one plain line, `N passed, N failed`, for people and programs that read the end
// of a log, and adds it to the file that HINDSIGHT_TEST_SUMMARY names. A suite that did not load counts as one failure.
import { appendFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";

/** Used by vitest.config.ts. */
export class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    let passedCount = 0;
    let failedCount = errors.length;
    for (const module of modules) {
      passedCount += [...module.children.allTests("passed")].length;
      const failed = [...module.children.allTests("failed")].length;
      failedCount += failed === 0 && module.state() === "failed" ? 1 : failed;
    }
    const line = `${passedCount} passed, ${failedCount} failed\n`;
    process.stdout.write(line);
    const summary = process.env["HINDSIGHT_TEST_SUMMARY"];
    if (summary !== undefined) appendFileSync(summary, line);
  }
}
