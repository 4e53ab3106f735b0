// A worker's side of files of at most one digest chunk: is the one that is there right, and making one.
import {
  closeSync,
  constants,
  fchmodSync,
  fchownSync,
  fstatSync,
  ftruncateSync,
  futimesSync,
  openSync,
  type Stats,
  unlinkSync,
} from "node:fs";
import { systemErrorCode } from "../base/errors.ts";
import { releaseMemory } from "../base/release-memory.ts";
import { DIGEST_CHUNK_BYTES } from "../codec/content-digest.ts";
import { sha256 } from "../codec/digest.ts";
import { unpackBlob } from "../repository/packed-blob.ts";
import { proveDigest } from "./content-proof.ts";
import { isOwnFile } from "./location.ts";
import type { RestoreJob, SmallFile } from "./restore-job.ts";
import { readAllSync, writeSparseSync } from "./sparse-write.ts";

// Neither follows a link, nor waits for whoever else opens a pipe.
const READ_FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
const CREATE_FLAGS =
  constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;

const content = Buffer.alloc(DIGEST_CHUNK_BYTES);

/** Whether the file is there with the right content; its permissions, owner and time are set then. */
export function checkSmallFile(file: SmallFile): boolean {
  let fd: number;
  try {
    fd = openSync(placeOf(file), READ_FLAGS);
  } catch (error) {
    // Whatever cannot be read as a file is replaced by one.
    if (UNREADABLE.has(systemErrorCode(error) ?? "")) return false;
    throw error;
  }
  try {
    const status = fstatSync(fd);
    if (!status.isFile() || status.size !== file.sizeBytes || !isOwnFile(status, file.owner))
      return false;
    const length = readAllSync(fd, content.subarray(0, file.sizeBytes), 0);
    if (length !== file.sizeBytes) return false;
    if (sha256(content.subarray(0, length)).toString("hex") !== file.sha256) return false;
    settle(fd, file, status);
    return true;
  } finally {
    closeSync(fd);
  }
}

const UNREADABLE: ReadonlySet<string> = new Set(["EACCES", "ELOOP", "ENOENT", "ENXIO", "EPERM"]);

/** Makes the files of a job; the blob is expanded once for all of them. */
export function createSmallFiles({
  blob,
  files,
  replacing,
}: Extract<RestoreJob, { kind: "create" }>): void {
  const plain = blob ? unpackBlob(blob) : Buffer.alloc(0);
  for (const file of files) {
    const bytes = plain.subarray(file.blobOffsetBytes, file.blobOffsetBytes + file.sizeBytes);
    proveDigest(file, sha256(bytes).toString("hex"));
    if (replacing) removeSync(file);
    createSmallFile(file, bytes);
  }
  releaseMemory(plain);
}

function createSmallFile(file: SmallFile, bytes: Uint8Array): void {
  const fd = openSync(placeOf(file), CREATE_FLAGS, 0o600);
  try {
    writeSparseSync(fd, bytes, 0);
    // The last page may have been left out.
    ftruncateSync(fd, bytes.length);
    settle(fd, file, undefined);
  } finally {
    closeSync(fd);
  }
}

/** Permissions, owner and time, where they are not so already. */
function settle(
  fd: number,
  { mode, owner, modifiedAtMs }: SmallFile,
  status: Stats | undefined,
): void {
  const isOwned = !owner || (status?.uid === owner.uid && status.gid === owner.gid);
  if (!isOwned) fchownSync(fd, owner.uid, owner.gid);
  if ((status ? status.mode & 0o7777 : 0o600) !== mode) fchmodSync(fd, mode);
  const seconds = modifiedAtMs / 1000;
  if (status?.mtimeMs !== modifiedAtMs) futimesSync(fd, seconds, seconds);
}

function removeSync(file: SmallFile): void {
  try {
    unlinkSync(placeOf(file));
  } catch (error) {
    if (systemErrorCode(error) !== "ENOENT") throw error;
  }
}

/** A buffer that was sent to another thread arrives as plain bytes. */
function placeOf({ place }: SmallFile): Buffer {
  return Buffer.from(place.buffer, place.byteOffset, place.byteLength);
}
