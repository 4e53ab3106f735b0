// Compiles the WebAssembly kernels: `npm run kernels` after a change of kernels/ or of the compiler. What comes out is
// committed beside the code that loads it, so that nobody needs the compiler to install Hindsight; build-kernels.test.ts
// compiles again and compares.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import asc from "assemblyscript/asc";

const ROOT = join(import.meta.dirname, "..");

/** What is compiled, and where it goes; paths in the checkout. */
export const KERNELS = [
  { source: "kernels/page-checksum.ts", target: "src/postgres/page-checksum.wasm" },
] as const;

// Memory comes from outside, so that a caller reads a file right into it. A kernel allocates nothing.
const FLAGS = ["-O3", "--noAssert", "--runtime", "stub", "--enable", "simd", "--importMemory"];

/**
 * Compiles one kernel.
 *
 * @param source its path in the checkout.
 * @returns the WebAssembly module.
 */
export async function compileKernel(source: string): Promise<Buffer> {
  let compiled = Buffer.alloc(0);
  const { error } = await asc.main(["kernel.ts", "--outFile", "kernel.wasm", ...FLAGS], {
    readFile: (name) => (name === "kernel.ts" ? readFileSync(join(ROOT, source), "utf8") : null),
    writeFile: (_name, contents) => {
      compiled = Buffer.from(contents);
    },
    listFiles: () => [],
  });
  if (error) throw error;
  return compiled;
}

if (import.meta.main) {
  for (const { source, target } of KERNELS) {
    writeFileSync(join(ROOT, target), await compileKernel(source));
    process.stdout.write(`${target} compiled from ${source}\n`);
  }
}
