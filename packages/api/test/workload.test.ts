import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  containerInterfaceName,
  isEndpointOf,
  sha1Hex,
  workloadEndpointName,
  workloadEndpointPrefix,
  workloadInterfaceName,
} from "../src/index.ts";

describe("the name of a pod's interface on the host", () => {
  // As a real Calico named them (test/golden/etcd-dump.jsonl).
  it.each([
    ["web-1", "cali0761ccbeace"],
    ["web-2", "cali9fb0db7f13e"],
    ["db-0", "cali9ae1fe16e6f"],
    ["tiny-1", "calid27d5b5af91"],
    ["tiny-2", "cali02dfd05691c"],
  ])("of default/%s", (pod, name) => {
    expect(workloadInterfaceName("default", pod)).toBe(name);
  });

  it("outside Kubernetes is the container's", () => {
    expect(containerInterfaceName("aaaa000000000000000000000000000000000000000000000000000000000004")).toBe(
      "caliaaaa0000000",
    );
    expect(containerInterfaceName("short", "tap")).toBe("tapshort");
  });

  it.each(["", "calico"])("cannot begin with %j", (prefix) => {
    const refusal = expect.objectContaining({ code: "INTERFACE_PREFIX_INVALID" });
    expect(() => workloadInterfaceName("default", "a", prefix)).toThrow(refusal);
    expect(() => containerInterfaceName("a", prefix)).toThrow(refusal);
  });
});

describe("the name of an endpoint", () => {
  const base = { node: "node-1", endpoint: "eth0" };
  it.each([
    [{ ...base, orchestrator: "k8s", pod: "web-1" }, "node--1-k8s-web--1-eth0"],
    [{ ...base, orchestrator: "cni", containerID: "4f2a" }, "node--1-cni-4f2a-eth0"],
    [{ ...base, orchestrator: "libnetwork" }, "node--1-libnetwork-libnetwork-eth0"],
    [{ ...base, orchestrator: "my-orch", workload: "w-1" }, "node--1-my--orch-w--1-eth0"],
  ])("%j", (identity, name) => {
    expect(workloadEndpointName(identity)).toBe(name);
    expect(`${workloadEndpointPrefix(identity)}eth0`).toBe(name);
  });

  it.each([
    { ...base, orchestrator: "k8s" },
    { ...base, orchestrator: "k8s", pod: "-a" },
    { ...base, orchestrator: "k8s", pod: "a-" },
    { ...base, node: "", orchestrator: "k8s", pod: "a" },
    { ...base, endpoint: "", orchestrator: "cni", containerID: "a" },
  ])("is refused for %j", (identity) => {
    expect(() => workloadEndpointName(identity)).toThrow(expect.objectContaining({ code: "WORKLOAD_NAME_INVALID" }));
  });

  it("of one workload can be under the prefix of another, and is told apart", () => {
    const name = workloadEndpointName({ ...base, orchestrator: "k8s", pod: "a-b" });
    const other = { ...base, orchestrator: "k8s", pod: "a" };
    expect(name.startsWith(workloadEndpointPrefix(other))).toBe(true);
    expect(isEndpointOf(name, other)).toBe(false);
  });

  it("says whose it is", () => {
    const part = fc.stringMatching(/^[a-c]([a-c-]{0,3}[a-c])?$/);
    const identity = fc.record({ node: part, pod: part, endpoint: part, orchestrator: fc.constant("k8s") });
    fc.assert(
      fc.property(identity, identity, (one, other) => {
        expect(isEndpointOf(workloadEndpointName(one), other)).toBe(one.node === other.node && one.pod === other.pod);
      }),
      { seed: 1, numRuns: 500 },
    );
  });
});

describe("SHA-1", () => {
  it.each([
    ["", "da39a3ee5e6b4b0d3255bfef95601890afd80709"],
    ["abc", "a9993e364706816aba3e25717850c26c9cd0d89d"],
    ["\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}", "d89d0ac253bbc120e805f4801f8afd47079d4fe3"],
  ])("of %j", (text, digest) => {
    expect(sha1Hex(text)).toBe(digest);
  });

  it("is what OpenSSL says, for any text of any length", () => {
    const texts = fc.oneof(
      fc.string({ unit: "binary", maxLength: 40 }),
      fc.nat({ max: 200 }).map((length) => "x".repeat(length)),
    );
    fc.assert(
      fc.property(texts, (text) => {
        expect(sha1Hex(text)).toBe(createHash("sha1").update(text, "utf8").digest("hex"));
      }),
      { seed: 2, numRuns: 500 },
    );
  });
});
