import { expect, test } from "vitest";
import { ByteChannel } from "./byte-channel.ts";

async function collect(channel: ByteChannel): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of channel) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

test("pieces come out in order, then the end", async () => {
  const channel = new ByteChannel(1000);
  const reading = collect(channel);
  for (const text of ["a", "b", "c"]) await channel.push(Buffer.from(text));
  channel.end();
  expect(await reading).toBe("abc");
});

test("a push beyond the limit waits until there is room", async () => {
  const channel = new ByteChannel(3);
  await channel.push(Buffer.from("abc"));
  let isThrough = false;
  const pushing = channel.push(Buffer.from("d")).then(() => (isThrough = true));
  await new Promise((resolve) => setImmediate(resolve));
  expect(isThrough).toBe(false);
  const iterator = channel[Symbol.asyncIterator]();
  await iterator.next();
  await pushing;
  expect(isThrough).toBe(true);
});

test("a failure reaches the reader at once, before what is inside", async () => {
  const channel = new ByteChannel(1000);
  await channel.push(Buffer.from("never read"));
  channel.fail(new Error("gave up"));
  await expect(collect(channel)).rejects.toThrow("gave up");
  expect(channel.isClosed).toBe(true);
});

test("a reader that stops frees a waiting push", async () => {
  const channel = new ByteChannel(1);
  const pushing = channel.push(Buffer.from("too much"));
  for await (const piece of channel) {
    expect(piece.length).toBe(8);
    break;
  }
  await pushing;
  await channel.push(Buffer.from("goes nowhere"));
  expect(channel.isClosed).toBe(true);
});

test("pushing after the end is a mistake", async () => {
  const channel = new ByteChannel(10);
  channel.end();
  await expect(channel.push(Buffer.from("x"))).rejects.toThrow("ended");
});
