// The program's first line. The exit status is a failure until main has said otherwise: an event loop that runs empty
// with work undone would end with 0.
import { withdrawSecrets } from "../config/environment.ts";
import { main } from "./main.ts";

/** How long the process may linger after its result is known; something left open must not hang archiving. */
const LINGER_MAX_MS = 2_000;

process.exitCode = 1;
process.exitCode = await main({
  words: process.argv.slice(2),
  environment: withdrawSecrets(process.env),
});
setTimeout(() => process.exit(), LINGER_MAX_MS).unref();
