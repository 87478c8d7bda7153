import { parseAddress } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import {
  type DescribeOptions,
  describePacket,
  describeVerdict,
  type PolicyModel,
  Protocol,
  verdict,
} from "../../src/index.ts";
import { host, model, packet, policy, SETTINGS, workload } from "../support/build.ts";

const web = workload({ name: "web", addresses: ["10.0.0.1"], labels: { app: "web" }, profiles: ["gone"] });
const client = workload({ name: "client", addresses: ["10.0.0.2"], labels: { app: "client" } });
const eth0 = host({ id: "node1-eth0", interfaceName: "eth0", addresses: ["192.168.0.1"], labels: { role: "host" } });
const nodes = [{ node: "node1", name: "eth0", addresses: [parseAddress("192.168.0.1")] }];

function told(
  parts: Partial<PolicyModel>,
  of: Parameters<typeof packet>,
  options?: DescribeOptions,
): readonly string[] {
  return describeVerdict(verdict(packet(...of), model({ endpoints: [web, client, eth0], nodes, ...parts })), options);
}

describe("a verdict in words", () => {
  it("names every policy that was asked, the rule and where it is written, and what ended it", () => {
    const tiers = [
      { name: "security", order: 1, defaultAction: "deny" as const },
      { name: "audit", order: 2, defaultAction: "pass" as const },
      { name: "default", order: 3, defaultAction: "deny" as const },
    ];
    const policies = [
      policy("block-bad", {
        tier: "security",
        selector: "app == 'web'",
        ingress: [{ action: "Log" }, { action: "Deny", protocol: "UDP" }, { action: "Pass" }],
      }),
      policy("watch", { tier: "audit", selector: "app == 'web'", ingress: [{ action: "Deny", protocol: "UDP" }] }),
      policy(
        "allow-web",
        { selector: "app == 'web'", ingress: [{ action: "Allow", protocol: "UDP" }] },
        { namespace: "default" },
      ),
    ];
    const placeOf: DescribeOptions["placeOf"] = (id, field) =>
      field === "spec.ingress[2]" ? `${id.split(" ")[1]}.yaml:12` : undefined;
    expect(told({ tiers, policies }, ["10.0.0.2", "10.0.0.1"], { placeOf })).toEqual([
      "egress of default/client: allowed",
      "  profile allow-all: spec.egress[0]: Allow everything",
      "ingress of default/web: denied",
      "  tier security: GlobalNetworkPolicy block-bad: spec.ingress[0] writes to the log",
      "  tier security: GlobalNetworkPolicy block-bad: spec.ingress[2] (block-bad.yaml:12): Pass everything",
      "  tier audit: GlobalNetworkPolicy watch: no rule matches",
      "  tier audit: passed on at its end",
      "  tier default: NetworkPolicy default/allow-web: no rule matches",
      "  tier default: denied at its end, for policies of it apply and no rule decides",
      "denied",
    ]);
  });

  it("tells of profiles that are not there", () => {
    expect(told({}, ["10.0.0.2", "10.0.0.1"]).slice(2)).toEqual([
      "ingress of default/web: denied",
      "  profile gone: does not exist, and allows nothing",
      "  denied: no policy decides, and no profile allows it",
      "denied",
    ]);
  });

  it("tells of nodes: what they forward, their failsafe ports, their own workloads, what is sent to them", () => {
    expect(told({}, ["192.0.2.1", "10.0.0.1"]).slice(0, 2)).toEqual([
      "ingress of node1's host endpoint node1-eth0, forwarding: nothing decided",
      "  no policy with applyOnForward applies",
    ]);
    const settings = { ...SETTINGS, failsafeInbound: [{ protocol: Protocol.tcp, port: 22, network: undefined }] };
    expect(told({ settings }, ["192.0.2.1", "192.168.0.1", 22])).toEqual([
      "ingress of node1's host endpoint node1-eth0: allowed",
      "  failsafe port: allowed",
      "allowed",
    ]);
    expect(told({}, ["192.168.0.1", "10.0.0.2"])).toEqual([
      "ingress of default/client: allowed",
      "  allowed: a node always reaches its own workloads",
      "allowed",
    ]);
    expect(told({}, ["10.0.0.2", "192.168.0.1"]).slice(1)).toEqual([
      "  profile allow-all: spec.egress[0]: Allow everything",
      "  workload to its own node, by defaultEndpointToHostAction: denied",
      "denied",
    ]);
    expect(told({}, ["10.0.0.2", "192.0.2.1", 4789, Protocol.udp])).toEqual([
      "egress of default/client: denied",
      "  denied: a workload may not send packets of a tunnel",
      "denied",
    ]);
    const early = policy("early", {
      selector: "role == 'host'",
      preDNAT: true,
      applyOnForward: true,
      types: ["Ingress"],
      ingress: [{ action: "Deny" }],
    });
    expect(told({ policies: [early] }, ["192.0.2.1", "10.0.0.1"])[0]).toBe(
      "ingress of node1's host endpoint node1-eth0, before destinations are translated: denied",
    );
  });

  it("says so where nobody is asked", () => {
    expect(told({}, ["192.0.2.1", "192.0.2.2"])).toEqual(["no endpoint's policies are asked", "allowed"]);
  });
});

describe("a packet in words", () => {
  it("has its ports where it has any", () => {
    expect(describePacket(packet("10.0.0.2", "10.0.0.1"))).toBe("TCP 10.0.0.2:40000 -> 10.0.0.1:80");
    expect(describePacket(packet("fd00::2", "fd00::1", 53, Protocol.udp))).toBe("UDP [fd00::2]:40000 -> [fd00::1]:53");
    const ping = { ...packet("10.0.0.2", "10.0.0.1"), protocol: Protocol.icmp, icmp: { type: 8, code: 0 } };
    expect(describePacket(ping)).toBe("ICMP type 8 code 0 10.0.0.2 -> 10.0.0.1");
  });
});
