import { setTimeout as pause } from "node:timers/promises";
import { expect, it } from "vitest";
import { type CapturedFrame, openCapture, stampsAreOn } from "../../src/index.ts";
import { cleanup, run, testNetns } from "../helpers.ts";

it("after it, frames bear the time they were seen at, however late they are read", async () => {
  const { name, handle } = testNetns();
  run("ip", "-n", name, "link", "set", "lo", "up");
  const frames: CapturedFrame[] = [];
  const isEcho = (frame: Uint8Array) => frame[23] === 1 && (frame[34] === 0 || frame[34] === 8);
  const watch = () => ({ close: () => undefined });
  const options = { namespace: handle, interface: "lo", filter: isEcho, watch };
  const capture = openCapture({ ...options, onFrames: (batch) => frames.push(...batch) });
  cleanup(() => capture.close());
  expect(await stampsAreOn(handle)).toBe(true);
  run("ip", "netns", "exec", name, "ping", "-c", "1", "127.0.0.1");
  const before = BigInt(Date.now() + 1) * 1_000_000n;
  await pause(20);
  capture.close();
  expect(frames).toHaveLength(4);
  expect(frames.every(({ timestamp }) => timestamp <= before)).toBe(true);
});

it("is not said where the loopback interface is down", async () => {
  expect(await stampsAreOn(testNetns().handle)).toBe(false);
});
