/** The release, as `hindsight version` prints it and as backups record it; the same as in package.json (tidy checks). */
export const HINDSIGHT_VERSION: string = "0.1.0";
