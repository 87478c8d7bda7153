import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { ipv4, Prefix, parseAddress } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { type KernelOperation, openKernel } from "../../src/index.ts";
import { cleanup, testNetns } from "../helpers.ts";

const COUNT = 3000;

describe("dumps", () => {
  it("while another process changes the table are whole: no route that stands is missing, none comes twice", async () => {
    const { handle, name } = testNetns();
    const kernel = openKernel({ namespace: handle });
    cleanup(() => kernel.close());
    const standing = Array.from(
      { length: COUNT },
      (_, index): KernelOperation => ({
        op: "route.replace",
        route: {
          kind: "blackhole",
          destination: Prefix.host(ipv4(Number(parseAddress("10.0.0.0")) + 2 * index)),
          table: 254,
          protocol: 12,
          scope: 0,
          metric: 0,
          preferredSource: undefined,
          nextHops: [],
          mtu: undefined,
        },
      }),
    );
    expect(kernel.apply(standing).every((outcome) => outcome === undefined)).toBe(true);
    const churn = churning(name);
    cleanup(() => churn.kill("SIGKILL"));
    if (churn.stdout === null) throw new TypeError("no stdout");
    await once(churn.stdout, "data");
    for (let round = 0; round < 10; round++) {
      const seen = kernel.routes(4).filter((route) => route.protocol === 12);
      expect(new Set(seen.map((route) => String(route.destination))).size).toBe(seen.length);
      expect(seen).toHaveLength(COUNT);
    }
    const ended = once(churn, "exit");
    churn.kill("SIGKILL");
    await ended;
  });
});

/** Adds and deletes other routes between ours as fast as it can, until it is killed. */
function churning(name: string): ChildProcess {
  const script = `
    for i in $(seq 1 2 199); do echo "route replace blackhole 10.0.1.$i/32 proto static"; done > /tmp/${name}
    for i in $(seq 1 2 199); do echo "route del blackhole 10.0.1.$i/32"; done >> /tmp/${name}
    echo ready
    while :; do ip -n ${name} -batch /tmp/${name}; done`;
  cleanup(() => spawn("rm", ["-f", `/tmp/${name}`]));
  return spawn("sh", ["-c", script], { stdio: ["ignore", "pipe", "ignore"] });
}
