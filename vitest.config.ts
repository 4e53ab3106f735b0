import { defineConfig, type ViteUserConfig } from "vitest/config";
import { ClosingLine } from "./test/harness/closing-line.ts";

/** One suite: `npx vitest run --project NAME`. Those with servers run on the ground that test/harness lays. */
const suite = (name: string, include: readonly string[], testTimeout: number) => ({
  test: {
    name,
    include: [...include],
    testTimeout,
    hookTimeout: testTimeout,
    pool: "forks" as const,
    setupFiles: name === "unit" ? [] : ["test/harness/setup-file.ts"],
  },
});

const config: ViteUserConfig = defineConfig({
  test: {
    // Two files at a time, each with its own servers: more would fight for the cores of a small machine.
    maxWorkers: 2,
    globalSetup: ["test/harness/global-setup.ts"],
    teardownTimeout: 60_000,
    reporters: ["default", new ClosingLine()],
    projects: [
      suite("unit", ["src/**/*.test.ts", "scripts/**/*.test.ts"], 20_000),
      suite("integration", ["test/integration/**/*.test.ts"], 240_000),
      suite("scenario", ["test/scenario/**/*.test.ts"], 240_000),
      suite("fault", ["test/fault/**/*.test.ts"], 240_000),
      suite("compat", ["test/compat/**/*.test.ts"], 60_000),
      // Needs Debian's packages: `npm run test:debian`, not part of `npm test`.
      suite("debian", ["test/debian/**/*.test.ts"], 240_000),
    ],
  },
});

export default config;
