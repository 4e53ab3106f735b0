// Reads a log file as it grows, line by line. Polling, not inotify: a poll also works on network and overlay file
// systems, needs no descriptor per directory, and cannot miss an event.
import { type FileHandle, open, stat } from "node:fs/promises";
import type { Context } from "../base/context.ts";
import { systemErrorCode } from "../base/errors.ts";
import { KIB, MIB } from "../base/limits.ts";

/** How often the file is looked at when it has nothing new. */
const POLL_INTERVAL_MS = 50;
/** A line is cut here, so that a file without line feeds cannot fill the memory. */
const LINE_LENGTH_MAX_BYTES: number = MIB;
const READ_SIZE_BYTES: number = 64 * KIB;
const LINE_FEED = 0x0a;

/** When following ends. */
export interface FollowOptions {
  /** When it is aborted, what the file holds by then is still read, and the lines end. */
  readonly until?: AbortSignal | undefined;
}

/**
 * The lines of a file from its beginning, each as soon as it is complete.
 *
 * The file may not exist yet; may be truncated, and is then read from its beginning; may be renamed and created anew,
 * and is then read to its end before the new one. An unfinished last line is given when the following ends.
 *
 * @param file absolute path. Bytes that are no UTF-8 become U+FFFD.
 * @throws the context signal's reason when it is aborted; a system error when the file cannot be read.
 */
export async function* followLog(
  file: string,
  context: Context,
  options: FollowOptions = {},
): AsyncGenerator<string, void, undefined> {
  const splitter = new LineSplitter();
  let source: OpenLog | undefined;
  try {
    for (;;) {
      const ending = options.until?.aborted ?? false; // before the read: what was written until then is complete
      source ??= await openLog(file);
      const chunk = await source?.read();
      if (chunk === "truncated") {
        yield* splitter.finish();
        continue;
      }
      if (chunk !== undefined) {
        yield* splitter.push(chunk);
        continue;
      }
      if (source !== undefined && (await wasReplaced(file, source))) {
        yield* splitter.finish();
        await source.close();
        source = undefined;
        continue;
      }
      if (ending) break;
      await pause(context, options.until);
    }
    yield* splitter.finish();
  } finally {
    await source?.close();
  }
}

/** Waits for the next look, shorter when `until` ends it. */
async function pause(context: Context, until: AbortSignal | undefined): Promise<void> {
  const signal = until ? AbortSignal.any([context.signal, until]) : context.signal;
  try {
    await context.clock.sleep(POLL_INTERVAL_MS, signal);
  } catch (error) {
    if (context.signal.aborted || !until?.aborted) throw error;
  }
}

interface OpenLog {
  readonly inode: bigint;
  /** The next bytes; undefined when there are none now. After "truncated", reading begins anew. */
  read(): Promise<Buffer | "truncated" | undefined>;
  close(): Promise<void>;
}

/** @returns undefined when there is no such file yet. */
async function openLog(file: string): Promise<OpenLog | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(file, "r");
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return undefined;
    throw error;
  }
  const { ino } = await handle.stat({ bigint: true });
  const buffer = Buffer.alloc(READ_SIZE_BYTES);
  let offsetBytes = 0;
  return {
    inode: ino,
    read: async () => {
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, offsetBytes);
      offsetBytes += bytesRead;
      if (bytesRead > 0) return Buffer.from(buffer.subarray(0, bytesRead));
      const { size } = await handle.stat();
      if (size >= offsetBytes) return undefined;
      offsetBytes = 0;
      return "truncated";
    },
    close: () => handle.close(),
  };
}

/** Whether the name now belongs to another file. While there is none, the old one may still grow. */
async function wasReplaced(file: string, source: OpenLog): Promise<boolean> {
  try {
    return (await stat(file, { bigint: true })).ino !== source.inode;
  } catch (error) {
    if (systemErrorCode(error) === "ENOENT") return false;
    throw error;
  }
}

/** Cuts bytes into lines; decodes a line only when it is whole, so that no character is torn. */
class LineSplitter {
  #rest: Buffer[] = [];
  #restSizeBytes = 0;

  *push(chunk: Buffer): Generator<string, void, undefined> {
    let begin = 0;
    for (let end = chunk.indexOf(LINE_FEED); end >= 0; end = chunk.indexOf(LINE_FEED, begin)) {
      this.#keep(chunk.subarray(begin, end));
      begin = end + 1;
      yield this.#take();
    }
    this.#keep(chunk.subarray(begin));
    if (this.#restSizeBytes > LINE_LENGTH_MAX_BYTES) yield this.#take();
  }

  /** The unfinished last line, if there is one. */
  *finish(): Generator<string, void, undefined> {
    if (this.#restSizeBytes > 0) yield this.#take();
  }

  #keep(bytes: Buffer): void {
    if (bytes.length === 0) return;
    this.#rest.push(bytes);
    this.#restSizeBytes += bytes.length;
  }

  #take(): string {
    const line = Buffer.concat(this.#rest).toString("utf8");
    this.#rest = [];
    this.#restSizeBytes = 0;
    return line.endsWith("\r") ? line.slice(0, -1) : line;
  }
}
