import fc from "fast-check";
import { expect, test } from "vitest";
import { assertObjectPrefix, clampRange } from "./arguments.ts";
import { isObjectKey } from "./object-store.ts";

test("every beginning of a key is a prefix", () => {
  const part = fc.stringMatching(/^[A-Za-z0-9_-][A-Za-z0-9._-]{0,20}$/);
  const key = fc.array(part, { minLength: 1, maxLength: 6 }).map((parts) => parts.join("/"));
  fc.assert(
    fc.property(key, fc.nat(140), (text, length) => {
      expect(isObjectKey(text)).toBe(true);
      assertObjectPrefix(text.slice(0, length));
    }),
  );
});

test("no text with a part that begins with a dot, or with a character outside the alphabet, is a key", () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (left, right) => {
      expect(isObjectKey(`${left}/.${right}`)).toBe(false);
      expect(isObjectKey(`${left}\\${right}`)).toBe(false);
      expect(isObjectKey(`${left}//${right}`)).toBe(false);
    }),
  );
});

test("a range never leaves the object and never turns round", () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(), fc.nat(), (offsetBytes, lengthBytes, sizeBytes) => {
      const { begin, end } = clampRange({ offsetBytes, lengthBytes }, sizeBytes);
      expect(begin).toBeLessThanOrEqual(end);
      expect(end).toBeLessThanOrEqual(sizeBytes);
      expect(end - begin).toBe(Math.max(0, Math.min(lengthBytes, sizeBytes - offsetBytes)));
    }),
  );
});
