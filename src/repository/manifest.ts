import type { Context } from "../base/context.ts";
import type { CompressionChoice } from "../codec/compress.ts";
import type { BackupLabel } from "../model/backup-label.ts";
import type { StanzaName } from "../model/stanza.ts";
import type { ManifestEntry, ManifestHeader } from "./manifest-lines.ts";
import type { Repository } from "./repository.ts";

export type { ManifestEntry, ManifestHeader } from "./manifest-lines.ts";
export function writeManifest(
  _repository: Repository,
  _stanza: StanzaName,
  _header: ManifestHeader,
  _entries: Iterable<ManifestEntry> | AsyncIterable<ManifestEntry>,
  _options: { readonly compression: CompressionChoice },
  _context: Context,
): Promise<{ sha256: string; sizeBytes: number }> {
  throw new Error("signature only");
}
export function readManifestHeader(
  _repository: Repository,
  _stanza: StanzaName,
  _label: BackupLabel,
  _context: Context,
): Promise<ManifestHeader> {
  throw new Error("signature only");
}
export function readManifest(
  _repository: Repository,
  _stanza: StanzaName,
  _label: BackupLabel,
  _context: Context,
): Promise<{ header: ManifestHeader; entries: AsyncGenerator<ManifestEntry, void, undefined> }> {
  throw new Error("signature only");
}
