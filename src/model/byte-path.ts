// Paths inside a data directory. A file name on Linux is bytes, not text: a name that is no valid UTF-8 would be lost if
// it were decoded. A BytePath holds one byte a character (latin1), so that nothing is lost and strings can be compared
// and split; it is decoded only to be shown.
import { isUtf8 } from "node:buffer";

declare const bytePathBrand: unique symbol;

/** A relative path, parts joined by `/`, one byte a character. "" is the root itself. */
export type BytePath = string & { readonly [bytePathBrand]: true };

/** The top directory itself. */
export const ROOT_PATH: BytePath = "" as BytePath;

/** Takes a name as `readdir` with `encoding: "buffer"` gives it. */
export function bytePath(bytes: Uint8Array): BytePath {
  return Buffer.from(bytes).toString("latin1") as BytePath;
}

/** Takes a path that is known to be text, such as `global/pg_control`. */
export function textPath(text: string): BytePath {
  return bytePath(Buffer.from(text, "utf8"));
}

/** `parent/name`, or `name` below the root. */
export function joinPath(parent: BytePath, name: BytePath): BytePath {
  return parent === "" ? name : (`${parent}/${name}` as BytePath);
}

/** The bytes, to be handed to the file system below `root`. */
export function pathBelow(root: string, path: BytePath): Buffer {
  const base = Buffer.from(root, "utf8");
  return path === "" ? base : Buffer.concat([base, Buffer.from("/"), Buffer.from(path, "latin1")]);
}

/** The path as text for messages; a name that is no UTF-8 shows its odd bytes as `\xNN`. */
export function showPath(path: BytePath): string {
  const bytes = Buffer.from(path, "latin1");
  if (isUtf8(bytes)) return bytes.toString("utf8");
  return path.replace(/[\u0080-\u00ff]/g, (char) => `\\x${char.charCodeAt(0).toString(16)}`);
}

/** Order of bytes, which is the order of lines in a manifest. */
export function comparePath(left: BytePath, right: BytePath): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
