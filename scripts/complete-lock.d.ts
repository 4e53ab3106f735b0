// The types of complete-lock.js, which has to be plain JavaScript.
import type { LockedPackage, LockFile } from "./installed-state.js";

export function missingOptional(lock: LockFile): Readonly<Record<string, LockedPackage>>;
