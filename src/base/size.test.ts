import { expect, test } from "vitest";
import { formatSize } from "./size.ts";

test.each([
  [0, "0B"],
  [1023, "1023B"],
  [2048, "2KB"],
  [47_382_641, "45.2MB"],
  [1_073_741_824, "1GB"],
])("%i bytes are %s", (bytes, text) => {
  expect(formatSize(bytes)).toBe(text);
});
