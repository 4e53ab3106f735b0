import type { Context } from "../base/context.ts";
import type { CompressionChoice } from "../codec/compress.ts";
import type { Lsn } from "../model/lsn.ts";
import type { StanzaName } from "../model/stanza.ts";
import type { SystemIdentifier } from "../model/system-identifier.ts";
import type { Timeline, TimelineHistory } from "../model/timeline.ts";
import type { Repository } from "./repository.ts";
import type { StanzaRecord } from "./stanza.ts";

export interface WalArchive {
  readonly repository: Repository;
  readonly stanza: StanzaName;
  readonly record: StanzaRecord;
}
export interface WalObjectHeader {
  readonly sha256: string;
  readonly plainSizeBytes: number;
  readonly systemIdentifier: SystemIdentifier;
  readonly timeline: Timeline;
  readonly segmentSizeBytes: number;
}
export interface WalGap {
  readonly timeline: Timeline;
  readonly begin: Lsn;
  readonly end: Lsn;
}
export function putWalFile(
  _archive: WalArchive,
  _name: string,
  _plain: Buffer,
  _options: { readonly compression: CompressionChoice },
  _context: Context,
): Promise<"created" | "identical"> {
  throw new Error("signature only");
}
export function getWalFile(
  _archive: WalArchive,
  _name: string,
  _context: Context,
): Promise<Buffer | undefined> {
  throw new Error("signature only");
}
export function statWalFile(
  _archive: WalArchive,
  _name: string,
  _context: Context,
): Promise<{ sizeBytes: number } | undefined> {
  throw new Error("signature only");
}
export function readWalHeader(
  _archive: WalArchive,
  _name: string,
  _context: Context,
): Promise<WalObjectHeader | undefined> {
  throw new Error("signature only");
}
export function listSegments(
  _archive: WalArchive,
  _options: { readonly timeline?: Timeline | undefined; readonly from?: string | undefined },
  _context: Context,
): AsyncGenerator<string, void, undefined> {
  throw new Error("signature only");
}
export function segmentExtremes(
  _archive: WalArchive,
  _context: Context,
): Promise<{ min: string; max: string } | undefined> {
  throw new Error("signature only");
}
export function readHistory(
  _archive: WalArchive,
  _timeline: Timeline,
  _context: Context,
): Promise<TimelineHistory | undefined> {
  throw new Error("signature only");
}
export function listHistories(
  _archive: WalArchive,
  _context: Context,
): Promise<readonly Timeline[]> {
  throw new Error("signature only");
}
export function recordGap(
  _archive: WalArchive,
  _gap: WalGap,
  _reason: string,
  _context: Context,
): Promise<void> {
  throw new Error("signature only");
}
export function listGaps(_archive: WalArchive, _context: Context): Promise<readonly WalGap[]> {
  throw new Error("signature only");
}
