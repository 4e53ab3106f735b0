// The one way to say that a stored object is not what was written: which object, where, and what now.
import { errorMessage, type HindsightError } from "../base/errors.ts";
import { failure, isFailure } from "../model/failure.ts";
import type { ObjectKey } from "../storage/object-store.ts";

const HINT =
  "The repository's storage changed or lost what was written. Keep the object as evidence, check the storage, and use another backup or another repository.";

/**
 * An `OBJECT_CORRUPT` failure.
 *
 * @param what what is wrong, such as `frame 3 does not match its checksum`.
 * @param offsetBytes where in the object, when it is known.
 */
export function corrupt(
  key: ObjectKey,
  what: string,
  details: { readonly offsetBytes?: number | undefined; readonly cause?: unknown } = {},
): HindsightError {
  const place = details.offsetBytes === undefined ? "" : ` at byte ${details.offsetBytes}`;
  return failure("OBJECT_CORRUPT", `${key} is damaged${place}: ${what}`, {
    hint: HINT,
    context: { key, offsetBytes: details.offsetBytes },
    cause: details.cause,
  });
}

/**
 * Runs a parser of bytes that an object holds, and turns whatever it throws into `OBJECT_CORRUPT` of that object.
 * Parsers of nouns complain about the user's input; here the input is ours, so their complaint means damage.
 */
export function parseStored<Result>(key: ObjectKey, parse: () => Result): Result {
  try {
    return parse();
  } catch (cause) {
    if (isFailure(cause, "REPOSITORY_FORMAT_UNKNOWN") || isCorruptObject(cause, key)) throw cause;
    throw corrupt(key, errorMessage(cause), { cause });
  }
}

function isCorruptObject(error: unknown, key: ObjectKey): boolean {
  return isFailure(error, "OBJECT_CORRUPT") && error.context["key"] === key;
}
