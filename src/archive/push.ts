// archive-push: one file of pg_wal into one archive. PostgreSQL may recycle the file as soon as this answers, so the
// answer means durable, and every doubt is an error: it keeps the file and asks again. The file is read once; the bytes
// that were checked are the bytes that are hashed and stored. Exit codes: docs/cli.md.
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename, dirname, resolve } from "node:path";
import type { Context } from "../base/context.ts";
import { errorMessage, HindsightError } from "../base/errors.ts";
import type { CompressionChoice } from "../codec/compress.ts";
import { failure } from "../model/failure.ts";
import {
  type ArchiveFileName,
  parseArchiveFileName,
  SEGMENT_SIZE_MAX_BYTES,
} from "../model/wal-segment.ts";
import { refusePartialCluster } from "../postgres/data-directory/partial.ts";
import { putWalFile, type WalArchive } from "../repository/wal-archive.ts";
import { checkWalFileContent, TEXT_FILE_SIZE_MAX_BYTES } from "./wal-file-content.ts";

/** One call of archive_command: which file goes into which archive. */
export interface PushRequest {
  /** Where the file is; its last part is the name it is archived under. */
  readonly path: string;
  readonly archive: WalArchive;
  readonly compression: CompressionChoice;
}

/**
 * Archives a segment, or a .partial, .history or .backup file.
 *
 * @returns `identical` when the archive holds the same bytes under that name: PostgreSQL asks again after a crash.
 * @throws {HindsightError} `WAL_SEGMENT_NAME_INVALID` (2), `WAL_SEGMENT_UNREADABLE` (11), what
 *   {@link checkWalFileContent} finds (22, 23), `WAL_DUPLICATE_DIFFERS` (24), and the store's errors (20, 21).
 */
export async function pushWalFile(
  request: PushRequest,
  context: Context,
): Promise<"created" | "identical"> {
  const pushed = await readPushedFile(request.path, context.signal);
  return await pushContent(pushed, request, context);
}

/** A file of pg_wal, as it is archived. */
export interface PushedFile {
  readonly file: ArchiveFileName;
  readonly bytes: Buffer;
}

/**
 * Reads the file that PostgreSQL hands over.
 *
 * @throws {HindsightError} `WAL_SEGMENT_NAME_INVALID`, `WAL_SEGMENT_UNREADABLE`, `WAL_SEGMENT_INVALID` for its size,
 *   `CLUSTER_PARTIAL` for a directory that is no whole cluster.
 */
export async function readPushedFile(path: string, signal: AbortSignal): Promise<PushedFile> {
  const file = parseArchiveFileName(basename(path));
  // pg_wal may be a link, so the path is taken as PostgreSQL wrote it: below the data directory.
  await refusePartialCluster(dirname(dirname(resolve(path))));
  return { file, bytes: await readWalFile(path, file, signal) };
}

/** {@link pushWalFile} for a file that was read already, because it goes into several archives. */
export async function pushContent(
  { file, bytes }: PushedFile,
  { archive, compression }: Omit<PushRequest, "path">,
  context: Context,
): Promise<"created" | "identical"> {
  checkWalFileContent(file, bytes, archive.record);
  return await putWalFile(archive, file.name, bytes, { compression }, context);
}

/** The bytes of the file, read once. Their number is judged by the check of the content, if it is sane at all. */
async function readWalFile(
  path: string,
  file: ArchiveFileName,
  signal: AbortSignal,
): Promise<Buffer> {
  try {
    // Not waiting, in case someone put a pipe there.
    await using handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const status = await handle.stat();
    if (!status.isFile()) throw unreadable(path, "is not a plain file");
    const sizeMaxBytes =
      file.kind === "history" || file.kind === "backup"
        ? TEXT_FILE_SIZE_MAX_BYTES
        : SEGMENT_SIZE_MAX_BYTES;
    if (status.size > sizeMaxBytes) {
      throw failure(
        "WAL_SEGMENT_INVALID",
        `${path} has ${status.size} bytes, more than any ${file.kind} file can have (${sizeMaxBytes})`,
      );
    }
    return await readExactly(handle, status.size, { path, signal });
  } catch (error) {
    if (error instanceof HindsightError || signal.aborted) throw error;
    throw unreadable(path, `cannot be read: ${errorMessage(error)}`, error);
  }
}

async function readExactly(
  handle: FileHandle,
  sizeBytes: number,
  { path, signal }: { readonly path: string; readonly signal: AbortSignal },
): Promise<Buffer> {
  // One byte more, to notice a file that is still growing.
  const bytes = Buffer.allocUnsafeSlow(sizeBytes + 1);
  let filled = 0;
  while (filled < bytes.length) {
    signal.throwIfAborted();
    const { bytesRead } = await handle.read(bytes, filled, bytes.length - filled, filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  if (filled === sizeBytes) return bytes.subarray(0, sizeBytes);
  throw unreadable(path, `changed its size while it was read: ${sizeBytes} bytes became ${filled}`);
}

function unreadable(path: string, what: string, cause?: unknown): HindsightError {
  return failure("WAL_SEGMENT_UNREADABLE", `${path} ${what}`, {
    hint: "archive-push must run as the user who owns the data directory, with the path that %p gives.",
    context: { path },
    cause,
  });
}
