// `hindsight version`
import { EXIT } from "../../model/failure.ts";
import { HINDSIGHT_VERSION } from "../../model/version.ts";
import type { Invocation } from "../invocation.ts";

/** `hindsight 0.1.0` */
export function versionText(): string {
  return `hindsight ${HINDSIGHT_VERSION}`;
}

/** Prints the version. */
export function run({ output }: Invocation): Promise<number> {
  output.result(versionText(), { version: HINDSIGHT_VERSION, node: process.versions.node });
  return Promise.resolve(EXIT.done);
}
