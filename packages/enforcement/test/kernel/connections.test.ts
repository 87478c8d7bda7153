import { compileModel, EMPTY_POLICY_TABLE, POLICY_TABLE, PolicyTables, REVOKED } from "@ocicat/enforcement";
import { origin } from "@ocicat/kit";
import { formatAddress, Prefix, parsePrefix } from "@ocicat/net";
import { element, NAT_TABLES, NftReconciler, natOutgoing, number, prefixValue } from "@ocicat/nftables";
import { needsOf, type Packet, type PolicyModel, Protocol } from "@ocicat/policy";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { host, model, packet, policy, SETTINGS, workload } from "../../../policy/test/support/build.ts";
import { ACK } from "./support/frame.ts";
import { ProbedNode } from "./support/node.ts";

const OPTIONS = { interfacePrefix: "cali", flowLog: false, logPrefix: "calico-packet" };

const client = workload({ name: "0", addresses: ["10.65.0.1", "fd65::1"], labels: { app: "client" } });
const server = workload({ name: "1", addresses: ["10.65.0.2", "fd65::2"], labels: { app: "server" } });

/** The client may begin, the server may not. */
const oneWay: PolicyModel = model({
  endpoints: [client, server],
  policies: [
    policy("client", { selector: "app == 'client'", ingress: [], egress: [{ action: "Allow" }] }),
    policy("server", { selector: "app == 'server'", ingress: [{ action: "Allow" }], egress: [] }),
  ].map((one) => ({ ...one, directions: ["ingress", "egress"] })),
});

let node: ProbedNode;
let nft: NftReconciler;
let last = 0x4f44_0000;

beforeEach(() => {
  node = new ProbedNode([client, server]);
  nft = new NftReconciler(node.nft);
  nft.setTables([POLICY_TABLE], compileModel(oneWay, "node1", OPTIONS));
  nft.apply();
});

afterEach(() => {
  node[Symbol.dispose]();
});

describe("a connection", () => {
  it.each([
    ["IPv4", packet("10.65.0.1", "10.65.0.2", 53, Protocol.udp)],
    ["IPv6", packet("fd65::1", "fd65::2", 53, Protocol.udp)],
  ])("is answered where it was allowed, and nothing else comes back (%s)", (_, query) => {
    expect(passes(answerTo(query))).toBe(false);
    // What was tried is not remembered: it was dropped.
    expect(passes(query)).toBe(true);
    expect(passes(answerTo(query))).toBe(true);
    expect(passes({ ...answerTo(query), destinationPort: 40_001 })).toBe(false);
  });

  it("that lost its permission does not begin anew from its other end, in the middle", () => {
    const both = { ...oneWay, policies: [] };
    nft.setTables([POLICY_TABLE], compileModel(both, "node1", OPTIONS));
    nft.apply();
    const begin = packet("10.65.0.1", "10.65.0.2", 80);
    expect(passes(begin)).toBe(true);
    node.forget();
    // Connection tracking takes up what it finds in the middle.
    expect(passes(answerTo(begin), ACK)).toBe(true);
    node.forget();
    for (const { source, destination, sourcePort = 0, destinationPort = 0 } of [begin, answerTo(begin)]) {
      const key = [
        prefixValue(Prefix.host(source)),
        prefixValue(Prefix.host(destination)),
        number(sourcePort),
        number(destinationPort),
      ];
      nft.putElement(REVOKED[4], element(origin("denied now"), key, undefined, { timeout: 900 }));
    }
    nft.apply();
    expect(passes(answerTo(begin), ACK)).toBe(false);
    expect(passes(begin, ACK)).toBe(false);
    // Another connection of the same ports is judged as any.
    expect(passes(begin)).toBe(true);
  });
});

describe("what belongs to no connection and begins none", () => {
  /** Connection tracking calls a reset of nothing invalid. */
  const RST = 0x04;
  const [reset, back] = [packet("10.65.0.1", "10.65.0.2", 80), packet("10.65.0.2", "10.65.0.1", 80)];

  it("is dropped, and judged by policies where that is not wanted", () => {
    expect(passes(reset)).toBe(true);
    node.forget();
    expect(passes(reset, RST)).toBe(false);
    const settings = { ...oneWay.settings, dropInvalid: false };
    nft.setTables([POLICY_TABLE], compileModel({ ...oneWay, settings }, "node1", OPTIONS));
    nft.apply();
    expect(passes(reset, RST)).toBe(true);
    expect(passes(back, RST)).toBe(false);
  });
});

describe("what is masqueraded", () => {
  it("is judged by the workload's own address, also where it leaves", () => {
    const uplink = host({ id: "uplink", interfaceName: "eth0", addresses: [], labels: { role: "host" } });
    const leaves = policy("leaves", {
      selector: "role == 'host'",
      applyOnForward: true,
      types: ["Egress"],
      egress: [{ action: "Allow", source: { nets: ["10.65.0.1/32"] } }],
    });
    const open = { ...oneWay, endpoints: [client, server, uplink], policies: [leaves] };
    const pool = { cidr: parsePrefix("10.65.0.0/28"), natOutgoing: true, origin: origin("a pool") };
    nft.setTables([POLICY_TABLE], compileModel(open, "node1", OPTIONS));
    nft.setTables(
      Object.values(NAT_TABLES),
      natOutgoing({ pools: [pool], exclusions: "IPPoolsOnly", hostAddresses: new Map(), interfacePrefix: "cali" }),
    );
    nft.apply();
    expect(passes(packet("10.65.0.1", "192.0.2.1"))).toBe(true);
    expect(passes(packet("10.65.0.2", "192.0.2.1"))).toBe(false);
  });
});

describe("a workload's interface", () => {
  it("gets nothing before its policies are there, and they come as elements", () => {
    nft.setTables([POLICY_TABLE], [EMPTY_POLICY_TABLE]);
    const tables = new PolicyTables(nft, { ...OPTIONS, settings: SETTINGS });
    nft.apply();
    const ways = [
      packet("10.65.0.1", "10.65.0.2"),
      packet("10.65.0.1", "192.0.2.1"),
      packet("192.0.2.1", "10.65.0.1"),
      packet("fd65::1", "2001:db8::1", 53, Protocol.udp),
    ];
    expect(ways.map((way) => passes(way))).toEqual([false, false, false, false]);
    tables.apply(needsOf({ ...oneWay, policies: [] }, "node1"));
    nft.apply();
    expect(ways.map((way) => passes(way))).toEqual([true, true, true, true]);
  });

  it("is one by any of the prefixes", () => {
    const options = { ...OPTIONS, interfacePrefix: "tap, cali" };
    nft.setTables([POLICY_TABLE], compileModel(oneWay, "node1", options));
    nft.apply();
    expect(passes(packet("10.65.0.1", "10.65.0.2"))).toBe(true);
    expect(passes(packet("10.65.0.2", "10.65.0.1"))).toBe(false);
    nft.setTables([POLICY_TABLE], compileModel(oneWay, "node1", { ...options, interfacePrefix: "tap" }));
    nft.apply();
    expect(passes(packet("10.65.0.2", "10.65.0.1"))).toBe(true);
  });
});

describe("rules that tell of packets", () => {
  it("are such as the kernel takes, and change nothing", () => {
    const policies = oneWay.policies.map((one) =>
      one.id.endsWith("server")
        ? policy("server", {
            selector: "app == 'server'",
            types: ["Ingress", "Egress"],
            ingress: [{ action: "Log" }, { action: "Allow", protocol: "UDP" }],
          })
        : one,
    );
    nft.setTables([POLICY_TABLE], compileModel({ ...oneWay, policies }, "node1", { ...OPTIONS, flowLog: true }));
    nft.apply();
    expect(passes(packet("10.65.0.1", "10.65.0.2", 53, Protocol.udp))).toBe(true);
    expect(passes(packet("10.65.0.1", "10.65.0.2", 53))).toBe(false);
  });
});

/** Whether it arrives: on its way or, sent to the node, there. */
function passes(of: Packet, flags?: number): boolean {
  last += 1;
  const probe = { packet: of, number: last, ...(flags === undefined ? {} : { flags }) };
  return node.pass([probe], () => true, 0).has(last);
}

function answerTo({ source, destination, sourcePort, destinationPort, ...rest }: Packet): Packet {
  if (sourcePort === undefined || destinationPort === undefined)
    throw new TypeError(`${formatAddress(source)} has no ports`);
  return {
    ...rest,
    source: destination,
    destination: source,
    sourcePort: destinationPort,
    destinationPort: sourcePort,
  };
}
