import { expect, test } from "vitest";
import { failure } from "../model/failure.ts";
import { adviseOtherRepository, repositoryNumbers } from "./repositories.ts";
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

test("an error of the first repository names the others, unless one was chosen", async () => {
  const away = failure("REPOSITORY_UNREACHABLE", "/one does not exist", { hint: "Mount it." });
  const both = await settingsOf({ words: ["restore"], file: TWO });
  expect(adviseOtherRepository(away, both)).toMatchObject({
    code: "REPOSITORY_UNREACHABLE",
    exitCode: 20,
    message: "/one does not exist",
    hint: "Mount it. This was repository 1; try another one with --repo=3.",
  });
  const unsafe = failure("DESTINATION_UNSAFE", "/pg is not empty");
  expect(adviseOtherRepository(unsafe, both)).toBe(unsafe);
  const chosen = await settingsOf({ words: ["restore", "--repo=1"], file: TWO });
  expect(adviseOtherRepository(away, chosen)).toBe(away);
  expect(adviseOtherRepository(away, await settingsOf({ words: ["restore"] }))).toBe(away);
});
