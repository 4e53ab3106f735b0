import { expect, test } from "vitest";
import { failure } from "../model/failure.ts";
import { unfinished } from "./interruption.ts";

const AT = "/var/lib/postgresql/18/main";
const QUIET = new AbortController().signal;

test.each([
  ["ENOSPC", "DESTINATION_FULL", "ran out of space"],
  ["EDQUOT", "DESTINATION_FULL", "ran out of space"],
  ["EROFS", "DESTINATION_DENIED", "could not be written"],
  ["EIO", "DESTINATION_DENIED", "could not be written"],
  ["ELOOP", "DESTINATION_UNSAFE", "was changed by somebody else"],
])("%s is %s", (systemCode, code, meaning) => {
  const cause = Object.assign(new Error("write failed"), { code: systemCode });
  const error = unfinished(cause, AT, QUIET);
  expect(error).toMatchObject({
    code,
    exitCode: 30,
    cause,
    hint: expect.stringContaining("--delta"),
  });
  expect(error.message).toContain(meaning);
  expect(error.message).toMatch(/; \/var.* is incomplete, and PostgreSQL cannot start from it$/);
});

test("an error of ours keeps its code, exit status, context and hint", () => {
  const cause = failure("OBJECT_CORRUPT", "blob 3 is damaged", {
    hint: "Use another backup.",
    context: { blob: 3 },
  });
  expect(unfinished(cause, AT, QUIET)).toMatchObject({
    code: "OBJECT_CORRUPT",
    exitCode: 22,
    message: expect.stringMatching(/^blob 3 is damaged; /),
    hint: expect.stringMatching(/^Use another backup\. Restore there with --delta\.$/),
    context: { blob: 3 },
    cause,
  });
});

test("whatever an interrupted restore throws, it was the interruption", () => {
  const controller = new AbortController();
  controller.abort(new Error("SIGTERM"));
  expect(unfinished(new Error("anything"), AT, controller.signal)).toMatchObject({
    code: "INTERRUPTED",
    exitCode: 28,
  });
});

test("a mistake of ours stays one", () => {
  const error = unfinished(new TypeError("x is undefined"), AT, QUIET);
  expect(error).not.toHaveProperty("exitCode");
  expect(error.message).toMatch(/^x is undefined; .* is incomplete/);
});
