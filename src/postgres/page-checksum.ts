// PostgreSQL's page checksum, the hot loop of every backup of a cluster with checksums. It is computed by a WebAssembly
// kernel, which sees only memory of its own: who checks many pages reads them into memory from `allocatePages`, pages
// anywhere else are copied into the kernel's one by one. The algorithm: kernels/page-checksum.ts; what it is worth:
// docs/decisions/0016.
import { readFileSync } from "node:fs";
import { KIB } from "../base/limits.ts";

/**
 * Computes the checksum that a page must carry in pd_checksum. The page must not be new (all zeros).
 *
 * @param offsetBytes where the page begins in the bytes that this function is about.
 * @param sizeBytes a multiple of 128, up to 64 KiB.
 * @param block number of the page in its relation fork, counted over all its segment files.
 * @returns 1 to 65535.
 */
export type PageChecksum = (offsetBytes: number, sizeBytes: number, block: number) => number;

// What is used of WebAssembly: TypeScript's types for it come only together with a browser's.
declare namespace WebAssembly {
  class Module {
    constructor(bytes: Uint8Array);
  }
  class Memory {
    readonly buffer: ArrayBuffer;
    constructor(size: { readonly initial: number });
  }
  // oxlint-disable-next-line no-unused-vars -- it is used below, by `new`
  class Instance {
    readonly exports: Readonly<Record<string, unknown>>;
    constructor(module: Module, imports: { readonly env: { readonly memory: Memory } });
  }
}

/** Memory comes in pages of this size to WebAssembly. */
const MEMORY_UNIT_BYTES: number = 64 * KIB;

/** The kernels by their memories. */
const kernels = new WeakMap<ArrayBufferLike, PageChecksum>();

let compiled: WebAssembly.Module | undefined;
let scratch: Buffer | undefined;

/** Memory whose pages are checked where they lie. It is filled with zeros, and freed when nobody holds it any more. */
export function allocatePages(sizeBytes: number): Buffer {
  compiled ??= new WebAssembly.Module(readFileSync(new URL("page-checksum.wasm", import.meta.url)));
  const memory = new WebAssembly.Memory({ initial: Math.ceil(sizeBytes / MEMORY_UNIT_BYTES) });
  const { exports } = new WebAssembly.Instance(compiled, { env: { memory } });
  kernels.set(memory.buffer, exports["pageChecksum"] as PageChecksum);
  return Buffer.from(memory.buffer, 0, sizeBytes);
}

/** The checksums of pages in `bytes`, which may change between calls. */
export function checksumsIn(bytes: Uint8Array): PageChecksum {
  const kernel = kernels.get(bytes.buffer);
  const { byteOffset } = bytes;
  if (kernel) return (offset, sizeBytes, block) => kernel(byteOffset + offset, sizeBytes, block);
  scratch ??= allocatePages(MEMORY_UNIT_BYTES);
  const page = scratch;
  const checksum = checksumsIn(page);
  return (offset, sizeBytes, block) => {
    page.set(bytes.subarray(offset, offset + sizeBytes));
    return checksum(0, sizeBytes, block);
  };
}
