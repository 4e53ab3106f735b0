import { defineConfig, type ViteUserConfig } from "vitest/config";

const project = (name: string, include: readonly string[], testTimeout: number) => ({
  test: {
    name,
    include: [...include],
    testTimeout,
    hookTimeout: testTimeout,
    pool: "forks" as const,
  },
});

const config: ViteUserConfig = defineConfig({
  test: {
    projects: [
      project("unit", ["src/**/*.test.ts", "scripts/**/*.test.ts"], 20_000),
      project("integration", ["test/integration/**/*.test.ts"], 240_000),
      project("scenario", ["test/scenario/**/*.test.ts"], 240_000),
      project("fault", ["test/fault/**/*.test.ts"], 240_000),
      project("compat", ["test/compat/**/*.test.ts"], 60_000),
    ],
  },
});

export default config;
