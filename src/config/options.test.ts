import { expect, test } from "vitest";
import { COMMAND_NAMES } from "./command-names.ts";
import { OPTION_GROUPS, OPTION_TYPES } from "./option.ts";
import { findOption, OPTION_AREAS, optionDefinition, optionNames, writtenName } from "./options.ts";
import { parseOptionValue } from "./value.ts";

test("no name stands in two areas", () => {
  const names = OPTION_AREAS.flatMap((area) => Object.keys(area.rows));
  expect(names.toSorted()).toEqual([...new Set(names)].toSorted());
});

test.each(optionNames())("the row of %s is well formed", (name) => {
  const row = optionDefinition(name);
  expect(OPTION_TYPES).toContain(row.type);
  expect(row.summary).toMatch(/^(?:[a-z]|GCS|SFTP|SSH|WAL|Azure|PostgreSQL)/);
  expect(row.summary).not.toMatch(/\.$/);
  expect(row.type === "enum").toBe(row.values !== undefined);
  for (const command of row.commands ?? []) expect(COMMAND_NAMES).toContain(command);
  const prefix = OPTION_GROUPS.find((candidate) => name.startsWith(`${candidate}-`));
  expect(row.group).toBe(name === "pg-version-force" ? undefined : prefix);
  const texts = [row.default, row.example, row.present].filter((text) => text !== undefined);
  expect(() => texts.map((text) => parseOptionValue(row, [text], name))).not.toThrow();
});

test("a written name finds its row and number", () => {
  expect(findOption("process-max")).toMatchObject({ name: "process-max", number: 0 });
  expect(findOption("repo1-path")).toMatchObject({ name: "repo-path", number: 1 });
  expect(findOption("repo-path")).toMatchObject({ name: "repo-path", number: 1 });
  expect(findOption("pg256-port")).toMatchObject({ name: "pg-port", number: 256 });
  expect(findOption("repo2-s3-bucket")).toMatchObject({ name: "repo-s3-bucket", number: 2 });
});

test.each(["repo0-path", "repo257-path", "repo1-pth", "process1-max", "repo1-version-force", ""])(
  "%j is no option",
  (written) => {
    expect(findOption(written)).toBeUndefined();
  },
);

test("the written name is found again", () => {
  for (const name of optionNames()) {
    expect(findOption(writtenName(name, 3))?.name).toBe(name);
  }
});

// Every option that pgBackRest documents; a file that names one must be readable.
const PGBACKREST = `
stanza repo set type target target-action target-exclusive target-timeline output detail-level dry-run oldest
archive-expire-before force online config config-path config-include-path process-max compress-type compress-level
compress-level-network buffer-size db-timeout protocol-timeout io-timeout lock-path spool-path log-path log-level-console
log-level-file log-level-stderr neutral-umask priority allow-root delta archive-async archive-get-queue-max
archive-push-queue-max archive-push-batch-size archive-timeout archive-header-check archive-mode-check archive-check
archive-copy archive-missing-retry start-fast stop-auto resume backup-standby checksum-page page-header-check annotation
exclude expire-auto manifest-save-threshold repo1-type repo1-path repo1-cipher-type repo1-cipher-pass repo1-bundle
repo1-bundle-size repo1-bundle-limit repo1-block repo1-retention-full repo1-retention-full-type repo1-retention-diff
repo1-retention-archive repo1-retention-archive-type repo1-retention-history repo1-hardlink repo1-symlink repo-target-time
repo1-host repo1-host-type repo1-host-user repo1-host-port repo1-s3-bucket repo1-s3-endpoint repo1-s3-region repo1-s3-key
repo1-s3-key-secret repo1-s3-key-type repo1-s3-role repo1-s3-token repo1-s3-uri-style repo1-s3-kms-key-id
repo1-azure-account repo1-azure-container repo1-azure-key repo1-azure-key-type repo1-gcs-bucket repo1-gcs-key
repo1-gcs-key-type repo1-gcs-endpoint repo1-sftp-host repo1-storage-verify-tls repo1-storage-ca-file repo1-storage-host
repo1-storage-port repo1-storage-upload-chunk-size repo1-storage-tag archive-mode db-include db-exclude link-all link-map
tablespace-map tablespace-map-all recovery-option pg1-path pg1-port pg1-socket-path pg1-user pg1-database pg1-host
pg1-host-type pg1-host-user pg-version-force tls-server-address tls-server-port tls-server-cert-file tls-server-key-file
tls-server-ca-file tls-server-auth`
  .trim()
  .split(/\s+/);

test.each(PGBACKREST)("pgBackRest's %s is known", (written) => {
  expect(findOption(written)).toBeDefined();
});
