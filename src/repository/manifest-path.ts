// Paths in manifests: bytes that may not be text, from a source that may be hostile. A restore creates what these paths
// name, so nothing that could leave the destination gets past this file.
import { isUtf8 } from "node:buffer";
import { type BytePath, bytePath, textPath } from "../model/byte-path.ts";
import { type Json, JsonFields, JsonShapeError } from "./strict-json.ts";

const PATH_SIZE_MAX_BYTES = 4096;
const NAME_SIZE_MAX_BYTES = 255;

/** A path as JSON: a text when its bytes are UTF-8, else `{"hex": …}`. */
export function formatPath(path: BytePath): Json {
  const bytes = Buffer.from(path, "latin1");
  return isUtf8(bytes) ? bytes.toString("utf8") : { hex: bytes.toString("hex") };
}

/**
 * The inverse of {@link formatPath}, for any bytes without NUL.
 *
 * @throws {JsonShapeError}
 */
export function parseBytes(value: Json): BytePath {
  const path = typeof value === "string" ? parseText(value) : parseHex(value);
  if (path.includes("\0")) throw new JsonShapeError("a path has a NUL byte");
  if (path.length > PATH_SIZE_MAX_BYTES) {
    throw new JsonShapeError(`a path has ${path.length} bytes`);
  }
  return path;
}

/**
 * The path of an entry: relative, and going nowhere but down.
 *
 * @throws {JsonShapeError}
 */
export function parseEntryPath(value: Json): BytePath {
  const path = parseBytes(value);
  const fault = findPathFault(path);
  if (fault !== undefined) throw new JsonShapeError(fault);
  return path;
}

/** What is wrong with an entry's path, or undefined. "" is the data directory itself. */
function findPathFault(path: BytePath): string | undefined {
  if (path === "") return undefined;
  if (path.length > PATH_SIZE_MAX_BYTES || path.includes("\0")) return "a path is impossible";
  if (path.startsWith("/")) return "a path is absolute";
  for (const part of path.split("/")) {
    if (part === "" || part === "." || part === "..") {
      return `a path has the part ${JSON.stringify(part)}`;
    }
    if (part.length > NAME_SIZE_MAX_BYTES) return `a name in a path has ${part.length} bytes`;
  }
  return undefined;
}

/** The path of the directory that an entry lies in. */
export function parentPath(path: BytePath): BytePath {
  const slash = path.lastIndexOf("/");
  return (slash < 0 ? "" : path.slice(0, slash)) as BytePath;
}

function parseText(text: string): BytePath {
  if (!text.isWellFormed()) throw new JsonShapeError("a path is no valid text");
  return textPath(text);
}

function parseHex(value: Json): BytePath {
  const fields = new JsonFields(value);
  const bytes = Buffer.from(fields.textOf("hex", /^(?:[0-9a-f]{2})+$/), "hex");
  fields.end();
  if (isUtf8(bytes)) throw new JsonShapeError("a path is written as bytes although it is text");
  return bytePath(bytes);
}
