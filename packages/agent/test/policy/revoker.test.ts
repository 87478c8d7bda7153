import { silentLogger, TestClock } from "@ocicat/kit";
import { type Connection, FakeKernel, type KernelOperation, type Route } from "@ocicat/linux/kernel";
import { formatAddress, parseAddress, parsePrefix } from "@ocicat/net";
import type { SetElement, SetRef } from "@ocicat/nftables";
import { PolicyIndex, type PolicySettings, Protocol } from "@ocicat/policy";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { feedIndex } from "../../src/policy/feed.ts";
import { FlowJudge } from "../../src/policy/flow-judge.ts";
import { Here } from "../../src/policy/here.ts";
import { LocalNeeds } from "../../src/policy/local-needs.ts";
import { policyModel } from "../../src/policy/model.ts";
import { Revoker } from "../../src/policy/revoker.ts";
import { Suspects } from "../../src/policy/suspects.ts";
import { makeTables } from "../../src/tables/tables.ts";

const SETTINGS: PolicySettings = {
  endpointToHost: "accept",
  failsafeInbound: [],
  failsafeOutbound: [],
  dropInvalid: true,
  allowVxlanFromWorkloads: false,
  allowIpipFromWorkloads: false,
  vxlanPort: 4789,
};
const NODE = "192.168.0.81";
/** Behind eth0, by which the node has its default route, and behind eth1. */
const FAR = { eth0: "203.0.113.1", eth1: "172.16.0.9" } as const;
const KERNEL = new FakeKernel();
/** Of node1: web and other; of node2: client and stranger. */
const ADDRESS = { web: "10.0.0.1", other: "10.0.0.2", client: "10.0.1.1", stranger: "10.0.1.2" } as const;

/** The tables, the index and what is enforced on node1, as the agent puts them together. */
class World {
  readonly tables = makeTables("node1", silentLogger);
  readonly local = new LocalNeeds();
  readonly #index = new PolicyIndex("node1");
  #revision = 1n;

  constructor() {
    feedIndex(this.tables, this.#index, () => undefined);
    const { profiles } = this.tables.policy;
    const anything = { action: "Allow" };
    profiles.put(
      this.#item(
        "profiles/net",
        { metadata: { name: "net" }, spec: { ingress: [anything], egress: [anything] } },
        "Profile",
      ),
    );
    this.endpoint("web", "node1");
    this.endpoint("other", "node1");
    this.endpoint("client", "node2");
    this.endpoint("stranger", "node2");
    this.settle();
  }

  endpoint(name: keyof typeof ADDRESS, node: string, app: string = name): void {
    const metadata = { name: `${node}-k8s-${name}-eth0`, namespace: "default", labels: { app } };
    const spec = {
      orchestrator: "k8s",
      node,
      pod: name,
      endpoint: "eth0",
      profiles: ["net"],
      interfaceName: `cali${name}`,
      ipNetworks: [`${ADDRESS[name]}/32`],
    };
    this.tables.policy.workloads.put(
      this.#item(`workloadendpoints/default/${metadata.name}`, { metadata, spec }, "WorkloadEndpoint"),
    );
  }

  policy(spec: object): void {
    const metadata = { name: "p", namespace: "default" };
    const value = { metadata, spec: { tier: "default", types: ["Ingress"], ...spec } };
    this.tables.policy.networkPolicies.put(this.#item("networkpolicies/default/p", value, "NetworkPolicy"));
  }

  /** Takes up what has changed. */
  settle(): Suspects {
    const change = this.#index.flush();
    this.local.apply(change);
    return Suspects.of(change, this.local);
  }

  judge(): FlowJudge {
    return new FlowJudge(() => policyModel(this.tables, SETTINGS), this.local, new Here(KERNEL, this.local.endpoints));
  }

  host(
    name: string,
    interfaceName: string,
    labels: object = { role: "node" },
    node = "node1",
    expectedIPs: string[] = [],
  ): void {
    const value = { metadata: { name, labels }, spec: { node, interfaceName, expectedIPs, profiles: ["net"] } };
    this.tables.policy.hosts.put(this.#item(`hostendpoints/${name}`, value, "HostEndpoint"));
  }

  globalPolicy(spec: object): void {
    const value = {
      metadata: { name: "g" },
      spec: { tier: "default", types: ["Ingress"], selector: "role == 'node'", ...spec },
    };
    this.tables.policy.globalNetworkPolicies.put(this.#item("globalnetworkpolicies/g", value, "GlobalNetworkPolicy"));
  }

  #item(path: string, value: object, kind: string) {
    const text = JSON.stringify({ kind, apiVersion: "projectcalico.org/v3", ...value });
    const modRevision = this.#revision++;
    const key = `/calico/resources/v3/projectcalico.org/${path}`;
    return { key, value: text, modRevision, createRevision: 1n, version: 1n, lease: 0n };
  }
}

/** As the kernel tells it. `to`: where a service's address led. */
function connection(from: string, to: string, port: number, protocol: number = Protocol.tcp, via = to): Connection {
  return {
    original: {
      source: parseAddress(from),
      destination: parseAddress(via),
      protocol,
      sourcePort: 40_000,
      destinationPort: port,
      icmp: undefined,
    },
    reply: {
      source: parseAddress(to),
      destination: parseAddress(from),
      protocol,
      sourcePort: port,
      destinationPort: 40_000,
      icmp: undefined,
    },
    zone: 0,
    id: port,
    status: 0,
    mark: 0,
    timeout: 100,
    tcpState: 3,
  };
}

const FROM_CLIENTS = {
  selector: "app == 'web'",
  ingress: [
    { action: "Allow", protocol: "TCP", source: { selector: "app == 'client'" }, destination: { ports: [80] } },
  ],
};

/** eth0 with the node's address and the default route, eth1 with a network of its own. */
beforeAll(() => {
  const done = (...operations: KernelOperation[]) =>
    expect(KERNEL.apply(operations)).toEqual(operations.map(() => undefined));
  for (const [name, address, destination, gateway] of [
    ["eth0", NODE, "0.0.0.0/0", "192.168.0.1"],
    ["eth1", "172.16.0.81", undefined, undefined],
  ] as const) {
    done({ op: "link.veth", veth: { name, up: true, peer: { name: `${name}p` } } });
    done({ op: "link.set", index: KERNEL.link(`${name}p`)?.index ?? 0, change: { up: true } });
    const linkIndex = KERNEL.link(name)?.index ?? 0;
    done({ op: "address.add", address: { linkIndex, address: parseAddress(address), prefixLength: 24, scope: 0 } });
    if (destination === undefined) continue;
    const route: Route = {
      kind: "unicast",
      destination: parsePrefix(destination),
      table: 254,
      protocol: 4,
      scope: 0,
      metric: 0,
      preferredSource: undefined,
      nextHops: [{ linkIndex, via: parseAddress(gateway), onlink: false, weight: 1 }],
      mtu: undefined,
    };
    done({ op: "route.replace", route });
  }
});

let world: World;
beforeEach(() => {
  world = new World();
});

describe("a connection is judged as its first packet would be now", () => {
  it("by this node's side alone, by the receiver behind a service, and not where the node itself asks", () => {
    const judged = (each: Connection) => world.judge().allows(each);
    expect(judged(connection(ADDRESS.stranger, ADDRESS.web, 80))).toBe(true);
    world.policy(FROM_CLIENTS);
    world.settle();
    expect(judged(connection(ADDRESS.client, ADDRESS.web, 80))).toBe(true);
    expect(judged(connection(ADDRESS.client, ADDRESS.web, 81))).toBe(false);
    expect(judged(connection(ADDRESS.stranger, ADDRESS.web, 80))).toBe(false);
    expect(judged(connection(ADDRESS.stranger, ADDRESS.web, 80, Protocol.tcp, "10.96.0.1"))).toBe(false);
    expect(judged(connection(NODE, ADDRESS.web, 22))).toBe(true);
    expect(judged(connection(ADDRESS.web, ADDRESS.stranger, 80))).toBe(true);
    expect(judged(connection(ADDRESS.web, "203.0.113.1", 443))).toBe(true);
    expect(judged(connection(ADDRESS.stranger, ADDRESS.client, 80))).toBe(true);
  });
});

describe("what host endpoints judge", () => {
  const judged = (each: Connection) => world.judge().allows(each);
  const allowClients = { action: "Allow", protocol: "TCP", destination: { ports: [80] } };

  it("is what the node itself has with others, at the interface towards them, and not what it forwards", () => {
    world.host("node1-eth1", "eth1");
    world.globalPolicy({ ingress: [allowClients] });
    world.settle();
    expect(judged(connection(FAR.eth1, NODE, 80))).toBe(true);
    expect(judged(connection(FAR.eth1, NODE, 81))).toBe(false);
    expect(judged(connection(FAR.eth0, NODE, 81))).toBe(true);
    expect(judged(connection(NODE, FAR.eth1, 81))).toBe(true);
    expect(judged(connection(FAR.eth1, ADDRESS.web, 81))).toBe(true);
    expect(judged(connection(ADDRESS.web, NODE, 81))).toBe(true);
    world.globalPolicy({ ingress: [allowClients], applyOnForward: true });
    world.settle();
    expect(judged(connection(FAR.eth1, ADDRESS.web, 81))).toBe(false);
    expect(judged(connection(FAR.eth1, FAR.eth0, 81))).toBe(false);
    expect(judged(connection(FAR.eth0, FAR.eth1, 81))).toBe(true);
  });

  it("is before translation what it was sent to", () => {
    world.host("node1-all", "*");
    world.globalPolicy({
      preDNAT: true,
      applyOnForward: true,
      ingress: [{ action: "Deny", destination: { nets: ["10.96.0.0/16"] } }],
    });
    world.settle();
    expect(judged(connection(FAR.eth0, ADDRESS.web, 80))).toBe(true);
    expect(judged(connection(FAR.eth0, ADDRESS.web, 80, Protocol.tcp, "10.96.0.1"))).toBe(false);
    expect(judged(connection(ADDRESS.web, ADDRESS.other, 80, Protocol.tcp, "10.96.0.1"))).toBe(false);
  });

  it("and workloads' policies may name host endpoints as the other end", () => {
    world.host("node2-eth0", "eth0", { role: "trusted" }, "node2", [FAR.eth0]);
    world.policy({
      selector: "app == 'web'",
      ingress: [{ action: "Allow", source: { selector: "role == 'trusted'", namespaceSelector: "global()" } }],
    });
    world.settle();
    expect(judged(connection(FAR.eth0, ADDRESS.web, 80))).toBe(true);
    expect(judged(connection(FAR.eth1, ADDRESS.web, 80))).toBe(false);
  });
});

describe("suspect after a change", () => {
  const addressesOf = (suspects: Suspects) => {
    const { addresses, members } = suspects.resolve(world.local);
    return { addresses: [...addresses].map(formatAddress).sort(), members: members.map(String) };
  };

  it("are endpoints whose policies are otherwise, and no others", () => {
    world.policy(FROM_CLIENTS);
    expect(addressesOf(world.settle())).toEqual({ addresses: [ADDRESS.web], members: [] });
    world.policy({ ...FROM_CLIENTS, order: 7 });
    expect(addressesOf(world.settle())).toEqual({ addresses: [ADDRESS.web], members: [] });
    expect(world.settle().empty).toBe(true);
  });

  it("is all that goes through the node where a host endpoint's policies are otherwise", () => {
    world.host("node1-all", "*");
    expect(world.settle().resolve(world.local).all).toBe(true);
    world.policy(FROM_CLIENTS);
    expect(world.settle().resolve(world.local).all).toBe(false);
    world.globalPolicy({});
    expect(world.settle().resolve(world.local).all).toBe(true);
  });

  it("is what leaves a set, and what comes into one by which something is kept out", () => {
    world.policy(FROM_CLIENTS);
    world.settle();
    world.endpoint("stranger", "node2", "client");
    expect(world.settle().empty).toBe(true);
    world.endpoint("stranger", "node2", "stranger");
    expect(addressesOf(world.settle())).toEqual({ addresses: [], members: [`${ADDRESS.stranger}/32`] });
    world.policy({
      selector: "app == 'web'",
      ingress: [{ action: "Deny", source: { selector: "app == 'bad'" } }, { action: "Allow" }],
    });
    world.settle();
    world.endpoint("client", "node2", "bad");
    expect(addressesOf(world.settle())).toEqual({ addresses: [], members: [`${ADDRESS.client}/32`] });
  });
});

describe("the revoker", () => {
  function revoker(present: Connection[]) {
    const clock = new TestClock();
    const log: string[] = [];
    const turns: (() => void)[] = [];
    const name = ({ original }: Pick<Connection, "original">) =>
      `${formatAddress(original.source)}:${original.destinationPort}`;
    const ends = new Map<string, SetElement>();
    const it = new Revoker({
      kernel: {
        readSysctl: () => String(present.length),
        connections: (query, each) => {
          log.push("look");
          for (const one of present)
            if (query.original?.source === undefined || query.original.source === one.original.source) each(one);
        },
        deleteConnections: (names) => {
          log.push(...names.map((each) => `delete ${name(each)}`));
          present = present.filter((one) => !names.includes(one));
          return names.map(() => undefined);
        },
      },
      nft: {
        putElement: (_ref: SetRef, element: SetElement) =>
          void ends.set(
            JSON.stringify(element.key, (_k, v: unknown) => (typeof v === "bigint" ? `${v}` : v)),
            element,
          ),
      },
      write: () => {
        log.push("write");
        return true;
      },
      judge: () => world.judge(),
      clock,
      logger: silentLogger,
      defer: (work) => void turns.push(work),
    });
    const settle = () => {
      for (let turn = turns.shift(); turn !== undefined; turn = turns.shift()) turn();
    };
    return { it, clock, log, ends, settle };
  }

  it("ends what is denied now and leaves the rest; a TCP connection's ends are in the kernel before it is forgotten", () => {
    const {
      it: revoking,
      log,
      ends,
      settle,
    } = revoker([
      connection(ADDRESS.client, ADDRESS.web, 80),
      connection(ADDRESS.stranger, ADDRESS.web, 80),
      connection(ADDRESS.stranger, ADDRESS.web, 53, Protocol.udp),
      connection(ADDRESS.stranger, ADDRESS.other, 80),
    ]);
    world.policy(FROM_CLIENTS);
    revoking.suspect(world.settle());
    revoking.run(world.local);
    settle();
    expect(log).toEqual(["look", "write", `delete ${ADDRESS.stranger}:80`, `delete ${ADDRESS.stranger}:53`]);
    expect([...ends.values()].map(({ timeout }) => timeout)).toEqual([900, 900]);
    expect(revoking.revoked).toBe(2);
    expect(revoking.judged).toBe(3);
  });

  it("does not look where nothing is suspect or nothing is connected, and looks again no sooner than after a while", () => {
    const { it: revoking, clock, log, settle } = revoker([connection(ADDRESS.client, ADDRESS.web, 80)]);
    revoking.run(world.local);
    settle();
    expect(log).toEqual([]);
    for (const order of [1, 2, 3]) {
      world.policy({ ...FROM_CLIENTS, order });
      revoking.suspect(world.settle());
      revoking.run(world.local);
      settle();
    }
    expect(log).toEqual(["look"]);
    clock.advance(100);
    settle();
    expect(log).toEqual(["look", "look"]);
    const empty = revoker([]);
    world.policy({ ...FROM_CLIENTS, order: 9 });
    empty.it.suspect(world.settle());
    empty.it.run(world.local);
    empty.settle();
    expect(empty.log).toEqual([]);
  });
});
