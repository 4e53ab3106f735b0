// Cleans up when the test run itself is killed. It is started beside the run, in a session of its own so that Ctrl-C does
// not reach it, and holds one end of a pipe: when the pipe closes, the run is over, however it ended. After a tidy end
// there is nothing left to do. The directory comes through the pipe, so that it is not on this process's command line.
import { rm } from "node:fs/promises";
import { endProcessesIn } from "./processes.ts";

let directory = "";
for await (const chunk of process.stdin) directory += String(chunk);
directory = directory.trim();
if (directory !== "") {
  await endProcessesIn(directory);
  await rm(directory, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}
