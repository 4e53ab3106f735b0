// A stanza is our name for one cluster's configuration and its space in the repository. The name becomes part of object
// keys, so its alphabet is small.
import { failure } from "./failure.ts";

declare const stanzaBrand: unique symbol;

/** The name of a stanza, fit to be a directory: made by {@link stanzaName} alone. */
export type StanzaName = string & { readonly [stanzaBrand]: true };

const STANZA_NAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$/;

/** @throws {HindsightError} `STANZA_NAME_INVALID` outside `[A-Za-z0-9_.-]{1,64}` or when it begins with a dot or dash. */
export function stanzaName(text: string): StanzaName {
  if (!STANZA_NAME.test(text)) {
    throw failure("STANZA_NAME_INVALID", `"${text}" cannot be the name of a stanza`, {
      hint: "Use up to 64 letters, digits, dashes, dots and underscores.",
    });
  }
  return text as StanzaName;
}
