import { expect, it } from "vitest";
import { openKernel } from "../../src/index.ts";
import { cleanup, eventually, run, testNetns } from "../helpers.ts";
import { logIn } from "./log.ts";

const SENT = 3000;

it("a log that comes faster than it is read loses packets, and says how many", async () => {
  const { handle, name } = testNetns();
  const kernel = openKernel({ namespace: handle, packetLogBuffer: 64 * 1024 });
  cleanup(() => kernel.close());
  let read = 0;
  let lost = 0;
  const prefixes = new Set<string>();
  kernel.packetLog([1], (packets, missing) => {
    read += packets.length;
    lost += missing;
    for (const { prefix } of packets) prefixes.add(prefix);
  });
  logIn(name, 1, "flood", 7001);
  await eventually(() => read === 1);
  // Synchronous: nobody reads meanwhile.
  run("ip", "netns", "exec", name, "bash", "-c", `for i in {2..${SENT}}; do printf x >/dev/udp/127.0.0.1/7001; done`);
  await eventually(() => read > 1);
  // What was lost shows in the number of the next packet that is not.
  run("ip", "netns", "exec", name, "bash", "-c", "printf x >/dev/udp/127.0.0.1/7001");
  await eventually(() => read + lost === SENT + 1);
  expect(lost).toBeGreaterThan(0);
  expect([...prefixes]).toEqual(["flood"]);
});
