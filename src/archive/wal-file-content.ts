// Whether the bytes of an archived file are what its name says. Asked twice: before push stores them, and after get
// read them back, so that PostgreSQL never sees a file that belongs to another name or another cluster.
import { failure } from "../model/failure.ts";
import { parseHistory } from "../model/timeline.ts";
import type { ArchiveFileName } from "../model/wal-segment.ts";
import type { StanzaRecord } from "../repository/stanza.ts";
import { checkSegmentHeader } from "../wal/page.ts";

/** History and .backup files are some lines of text; PostgreSQL writes less than a hundred bytes for each timeline. */
export const TEXT_FILE_SIZE_MAX_BYTES: number = 1024 * 1024;

/**
 * Checks a file against its name and its cluster.
 *
 * - A segment and a .partial file have the full segment size and a first page header of this cluster and position.
 * - A history file parses, and names at least one ancestor: an empty one would make PostgreSQL forget the parents.
 * - A .backup file begins with the location of the segment that its name carries.
 *
 * @throws {HindsightError} `WAL_SEGMENT_FOREIGN` (23), `WAL_SEGMENT_INVALID` (22), `WAL_SEGMENT_NAME_INVALID` (2),
 *   `HISTORY_INVALID` (22)
 * @source PostgreSQL src/backend/access/transam/timeline.c, writeTimeLineHistory; xlogbackup.c, build_backup_content
 */
export function checkWalFileContent(
  file: ArchiveFileName,
  bytes: Uint8Array,
  record: StanzaRecord,
): void {
  switch (file.kind) {
    case "segment":
      checkSegmentHeader(bytes, { ...record, name: file.name });
      return;
    case "partial":
      checkSegmentHeader(bytes, { ...record, name: file.segmentName });
      return;
    case "history":
      if (parseHistory(file.timeline, textOf(file.name, bytes)).ancestors.length > 0) return;
      throw failure("HISTORY_INVALID", `${file.name} names no timeline before ${file.timeline}`, {
        hint: "The file is empty or cut off; take it from pg_wal of a server on that timeline.",
      });
    case "backup":
      checkBackupFile(file.name, file.segmentName, textOf(file.name, bytes));
  }
}

function checkBackupFile(name: string, segmentName: string, text: string): void {
  const [, begin] =
    /^START WAL LOCATION: [0-9A-F]+\/[0-9A-F]+ \(file ([0-9A-F]{24})\)\n/.exec(text) ?? [];
  if (begin === segmentName) return;
  throw failure(
    "WAL_SEGMENT_INVALID",
    `${name} does not begin with the start location of a backup in segment ${segmentName}`,
    { hint: "The file is damaged or was given another name; compare it with the one in pg_wal." },
  );
}

function textOf(name: string, bytes: Uint8Array): string {
  if (bytes.length <= TEXT_FILE_SIZE_MAX_BYTES) return Buffer.from(bytes).toString("utf8");
  throw failure(
    "WAL_SEGMENT_INVALID",
    `${name} has ${bytes.length} bytes, which is more than the ${TEXT_FILE_SIZE_MAX_BYTES} that such a file can have`,
  );
}
