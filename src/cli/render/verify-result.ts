// The text and the JSON of `hindsight verify`.
import { formatSize } from "../../base/size.ts";
import type { StanzaName } from "../../model/stanza.ts";
import { formatInZone } from "../../model/timestamp.ts";
import type { RecoveryWindows } from "../../recovery/window.ts";
import type { InRepository } from "../each-repository.ts";
import type { RepositoryVerification } from "../verify-run.ts";
import type { JsonValue } from "./json.ts";
import { windowsJson } from "./window-json.ts";

type Verified = InRepository<RepositoryVerification>;

/** Findings first, then what is left. */
export function verificationText(stanza: StanzaName, { number, path, result }: Verified): string {
  const { findings, missing = [], windows, sound, timeZone } = result;
  const stranded = windows?.strandedBackups ?? [];
  const isFine = findings.length + missing.length + stranded.length === 0;
  return [
    `stanza ${stanza}, repository ${number} (${path}): ${isFine ? "nothing is wrong" : "DAMAGED OR INCOMPLETE"}`,
    ...countLines(result),
    ...findings.flatMap(({ kind, detail, backups }) => [
      `  ${kind}: ${detail}`,
      ...(backups.length === 0 ? [] : [`    lost with it: ${backups.join(", ")}`]),
    ]),
    ...missing.map(({ timeline, reason }) => `  missing WAL on timeline ${timeline}: ${reason}`),
    ...stranded.map((label) => `  backup ${label} lacks WAL that it needs to be consistent`),
    `  backups that can be restored: ${sound.filter((label) => !stranded.includes(label)).join(", ") || "none"}`,
    ...(windows ? windowLines(windows, timeZone) : []),
  ].join("\n");
}

function countLines({ counts }: RepositoryVerification): readonly string[] {
  const { backups, files, packs, packsRead, packBytesRead, archive, catalogues, facts } = counts;
  return [
    `  ${backups} backups with ${files} files in ${packs} packs; ${packsRead} packs were read whole, ${formatSize(packBytesRead)}`,
    `  ${archive.listedCount} files of the WAL archive; ${archive.readCount} were read, ${formatSize(archive.readBytes)}`,
    ...(catalogues + facts === 0 ? [] : [`  ${catalogues} catalogues and ${facts} small facts`]),
  ];
}

function windowLines({ timelines }: RecoveryWindows, zone: string): readonly string[] {
  const lines = timelines.flatMap((each) =>
    each.windows.map(
      ({ timeline, earliest, latest }) =>
        `    timeline ${timeline}: ${formatInZone(earliest.time, zone)} to ${formatInZone(latest.time, zone)}`,
    ),
  );
  return lines.length === 0
    ? ["  no instant can be recovered"]
    : ["  what can be recovered:", ...lines];
}

/** Under camel-case names; `windows` as `hindsight window` has them, without what is damaged. */
export function verificationJson({ number, path, result }: Verified): JsonValue {
  const { counts, findings, missing, windows, sound } = result;
  const { archive, ...others } = counts;
  return {
    repository: number,
    path,
    checked: { ...others, archive: { ...archive } },
    findings: findings.map(({ kind, key, detail, backups }) => ({
      kind,
      key: key ?? null,
      detail,
      backups,
    })),
    missingWal: (missing ?? []).map(({ timeline, segments, reason }) => ({
      timeline,
      first: segments.first,
      last: segments.last,
      count: segments.count,
      reason,
    })),
    sound,
    recoverable: windows ? windowsJson(windows) : null,
  };
}
