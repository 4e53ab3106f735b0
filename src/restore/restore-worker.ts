// The worker thread of a restore: small-file-job.ts and page-job.ts do what it is asked. Runs synchronously; see
// base/worker-pool.ts.
import { serveJobs } from "../base/worker-pool.ts";
import { releaseMemory } from "../base/release-memory.ts";
import {
  clearRange,
  differingPages,
  digestRange,
  fillPieces,
  mendPages,
  overlayPages,
} from "./page-job.ts";
import { blobsOf, type RestoreAnswer, type RestoreJob } from "./restore-job.ts";
import { checkSmallFile, createHollowFile, createSmallFiles } from "./small-file-job.ts";

const NOTHING: RestoreAnswer = { kept: [], differing: [], clearedBytes: 0, digests: [] };

serveJobs((job: RestoreJob) => {
  const result = { ...NOTHING, ...answer(job) };
  for (const { packed } of blobsOf(job)) releaseMemory(packed);
  return { result };
});

function answer(job: RestoreJob): Partial<RestoreAnswer> {
  switch (job.kind) {
    case "check":
      return { kept: job.files.map(checkSmallFile) };
    case "create":
      createSmallFiles(job);
      return {};
    case "hollow":
      for (const file of job.files) createHollowFile(file);
      return {};
    case "fill":
      return { digests: job.parts.flatMap((part) => fillPieces(part, job)) };
    case "compare":
      return { differing: job.parts.map((part) => differingPages(part, job.fd)) };
    case "mend":
      for (const part of job.parts) mendPages(part, job.fd);
      return {};
    case "overlay":
      return { differing: job.parts.map((part) => overlayPages(part, job.fd)) };
    case "clear":
      return { clearedBytes: clearRange(job) };
    case "digest":
      return { digests: [digestRange(job)] };
  }
}
