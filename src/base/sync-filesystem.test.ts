import { tmpdir } from "node:os";
import { expect, test } from "vitest";
import { syncFilesystems } from "./sync-filesystem.ts";

const { signal } = new AbortController();

test.skipIf(process.platform !== "linux")("several directories are synced at once", async () => {
  expect(await syncFilesystems([tmpdir(), "/"], { signal, kernelRelease: "6.1.0-9" })).toBe(true);
});

test("an old kernel, a missing program or a failure is told, so that files are synced one by one", async () => {
  const paths = [tmpdir()];
  expect(await syncFilesystems(paths, { signal, kernelRelease: "5.7.19" })).toBe(false);
  expect(await syncFilesystems(paths, { signal, kernelRelease: "4.19.0" })).toBe(false);
  expect(await syncFilesystems(paths, { signal, kernelRelease: "odd" })).toBe(false);
  expect(await syncFilesystems(paths, { signal, program: "/nonexistent/sync" })).toBe(false);
  expect(await syncFilesystems(["/nonexistent/directory"], { signal })).toBe(false);
});

test("an interruption is no failure to fall back from", async () => {
  const controller = new AbortController();
  controller.abort(new Error("control-c"));
  await expect(syncFilesystems([tmpdir()], { signal: controller.signal })).rejects.toThrow(
    "control-c",
  );
});
