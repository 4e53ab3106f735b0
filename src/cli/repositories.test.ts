import { expect, test } from "vitest";
import { repositoryNumbers } from "./repositories.ts";
import { settingsOf } from "./settings.fixture.ts";

const TWO = "[global]\nrepo1-path=/one\nrepo3-path=/three\n[main]\npg1-path=/pg";

test("a command works on all repositories, or on the one that is named", async () => {
  expect(repositoryNumbers(await settingsOf({ words: ["info"], file: TWO }))).toEqual([1, 3]);
  expect(repositoryNumbers(await settingsOf({ words: ["info", "--repo=3"], file: TWO }))).toEqual([
    3,
  ]);
  expect(repositoryNumbers(await settingsOf({ words: ["info", "--repo=1"] }))).toEqual([1]);
});

test("a repository that is not configured is refused, and not looked for in the default place", async () => {
  const settings = await settingsOf({ words: ["info", "--repo=2"], file: TWO });
  expect(() => repositoryNumbers(settings)).toThrow(
    expect.objectContaining({
      code: "CONFIG_OPTION_INVALID",
      hint: expect.stringContaining("1, 3"),
    }),
  );
});
