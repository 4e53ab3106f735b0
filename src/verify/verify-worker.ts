// The worker thread of a verification: expands a blob and compares it with its SHA-256. Runs synchronously; see
// base/worker-pool.ts.
import { serveJobs } from "../base/worker-pool.ts";
import { type PackedBlob, unpackBlob } from "../repository/packed-blob.ts";

serveJobs((blob: PackedBlob) => ({ result: unpackBlob(blob).length }));
