import { expect, test } from "vitest";
import { optionNames, writtenName } from "../src/config/options.ts";
import { FAILURES } from "../src/model/failure.ts";
import { generatedDocs, staleDocs } from "./generate-docs.ts";

test("the generated pages are what the tables say", () => {
  expect(staleDocs()).toEqual([]);
});

test("every option and every code is on its page", () => {
  const docs = generatedDocs();
  for (const name of optionNames()) {
    expect(docs.get("configuration.md")).toContain(`\`${writtenName(name, 1)}\``);
  }
  for (const code of Object.keys(FAILURES)) expect(docs.get("errors.md")).toContain(`\`${code}\``);
});
