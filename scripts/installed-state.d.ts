// The types of installed-state.js, which has to be plain JavaScript.

/** One package in a lock file, as far as it matters here. */
export interface LockedPackage {
  readonly version?: string;
  readonly integrity?: string;
  readonly optional?: boolean;
  readonly dev?: boolean;
  readonly os?: readonly string[];
  readonly cpu?: readonly string[];
  readonly libc?: readonly string[];
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}

/** package-lock.json, or npm's own record of what it installed. */
export interface LockFile {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

export function whyInstall(state: {
  readonly lock: LockFile;
  readonly installed: LockFile | undefined;
  readonly stampFits: boolean;
  readonly hasNode: boolean;
}): string | undefined;
