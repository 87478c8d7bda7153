import { formatScoped, parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { acceptAll } from "../../src/filter/policy.ts";
import type { PeerConfig } from "../../src/index.ts";
import { exportPath } from "../../src/rib/export.ts";
import { refuseAttributes } from "../../src/rib/import.ts";
import type { RibPeer } from "../../src/rib/sources.ts";
import { address4, createLab, type Lab, type Node, peerTo, route } from "../support/lab.ts";
import { path, ribPeer, SELF } from "../support/rib.ts";

const REFLECTOR = "10.0.0.254";
const CLUSTER = address4("244.0.0.1");
const CLIENTS = ["10.0.0.1", "10.0.0.2"];
const OTHERS = ["10.0.0.3", "10.0.0.4"];
const EXTERNAL = "10.0.0.5";
const OTHER_AS = 64_513;

/** A reflector with two clients, two peers that are none, and an external one; each announces a route of its own. */
async function world(lab: Lab) {
  const speak = async (ip: string, peers: readonly PeerConfig[], options = {}) => {
    const node = await lab.node(ip, options);
    node.speaker.setOriginated([route(`172.16.${ip.split(".")[3]}.0/24`)]);
    node.speaker.setPeers(peers);
    return node;
  };
  const reflector = await speak(REFLECTOR, [
    ...CLIENTS.map((ip) => peerTo(REFLECTOR, ip, { clusterId: CLUSTER, reflectorClient: true })),
    ...OTHERS.map((ip) => peerTo(REFLECTOR, ip, { clusterId: CLUSTER })),
    peerTo(REFLECTOR, EXTERNAL, { remoteAs: OTHER_AS }),
  ]);
  const nodes = new Map<string, Node>();
  for (const ip of [...CLIENTS, ...OTHERS]) nodes.set(ip, await speak(ip, [peerTo(ip, REFLECTOR)]));
  nodes.set(
    EXTERNAL,
    await speak(EXTERNAL, [peerTo(EXTERNAL, REFLECTOR, { remoteAs: 64_512 })], { localAs: OTHER_AS }),
  );
  lab.advance(10_000);
  const node = (ip: string) => nodes.get(ip) ?? reflector;
  return { reflector, node };
}

const known = (node: Node) => node.routes().map((line) => Number(line.split(".")[2]));

describe("RFC 4456 §6 operation", () => {
  it("a client's routes go to all, those of others to clients only, external ones to all", async () => {
    const { node } = await world(createLab());
    expect(known(node("10.0.0.1"))).toEqual([2, 254, 3, 4, 5]);
    expect(known(node("10.0.0.2"))).toEqual([1, 254, 3, 4, 5]);
    expect(known(node("10.0.0.3"))).toEqual([1, 2, 254, 5]);
    expect(known(node("10.0.0.4"))).toEqual([1, 2, 254, 5]);
    expect(known(node(EXTERNAL))).toEqual([1, 2, 254, 3, 4]);
  });

  it("a peer that becomes a client, or no longer is one, is told the difference on the session that is there", async () => {
    const lab = createLab();
    const { reflector, node } = await world(lab);
    const since = reflector.speaker.status().map((one) => one.since);
    const peers = (client: boolean) => [
      ...CLIENTS.map((ip) => peerTo(REFLECTOR, ip, { clusterId: CLUSTER, reflectorClient: true })),
      ...OTHERS.map((ip) => peerTo(REFLECTOR, ip, { clusterId: CLUSTER, reflectorClient: client })),
      peerTo(REFLECTOR, EXTERNAL, { remoteAs: OTHER_AS }),
    ];
    reflector.speaker.setPeers(peers(true));
    lab.advance(100);
    expect(known(node("10.0.0.3"))).toEqual([1, 2, 254, 4, 5]);
    reflector.speaker.setPeers(peers(false));
    lab.advance(100);
    expect(known(node("10.0.0.3"))).toEqual([1, 2, 254, 5]);
    expect(reflector.speaker.status().map((one) => one.since)).toEqual(since);
  });
});

describe("RFC 4456 §8 avoiding routing information loops", () => {
  it("what is reflected names its originator and the cluster; next hop and LOCAL_PREF stay", async () => {
    const { node } = await world(createLab());
    const [reflected] = [...node("10.0.0.3").speaker.routes()].filter(
      ({ prefix }) => String(prefix) === "172.16.1.0/24",
    );
    expect(reflected?.attributes).toMatchObject({
      originatorId: address4("10.0.0.1"),
      clusterList: [CLUSTER],
      nextHop: address4("10.0.0.1"),
      localPref: 100,
    });
  });

  it("an originator that is there stays, and the cluster is put before the others", () => {
    const other = address4("244.0.0.2");
    const attributes = path({ originatorId: address4("10.0.9.9"), clusterList: [other] });
    expect(reflect(attributes)).toMatchObject({ originatorId: address4("10.0.9.9"), clusterList: [CLUSTER, other] });
  });

  it("external peers and routes of our own have neither", async () => {
    const { node } = await world(createLab());
    for (const { attributes } of node(EXTERNAL).speaker.routes()) {
      expect(attributes).not.toHaveProperty("originatorId");
      expect(attributes).not.toHaveProperty("clusterList");
    }
    const [own] = [...node("10.0.0.1").speaker.routes()].filter(({ prefix }) => String(prefix) === "172.16.254.0/24");
    expect(own?.attributes).not.toHaveProperty("clusterList");
  });

  it("a route that has been here is refused: by its originator, by its cluster", () => {
    const self = { ...SELF, clusterIds: [CLUSTER] };
    const peer = ribPeer("10.0.0.1");
    expect(refuseAttributes(path({ originatorId: SELF.routerId }), peer, self)).toBe("ORIGINATOR_ID is this speaker's");
    expect(refuseAttributes(path({ clusterList: [CLUSTER] }), peer, self)).toBe("this speaker is in CLUSTER_LIST");
    expect(refuseAttributes(path({ clusterList: [address4("244.0.0.9")] }), peer, self)).toBeUndefined();
  });

  it("two reflectors of one cluster do not tell each other their clients' routes twice; of two clusters they do", async () => {
    for (const [second, expected] of [
      [CLUSTER, "refused"],
      [address4("244.0.0.2"), "multipath"],
    ] as const) {
      const lab = createLab();
      const ips = ["10.0.0.251", "10.0.0.252"] as const;
      const client = await lab.node("10.0.0.1");
      const ids = [CLUSTER, second];
      const reflectors: Node[] = [];
      for (const [index, ip] of ips.entries()) {
        const node = await lab.node(ip);
        const clusterId = ids[index];
        node.speaker.setOriginated([]);
        node.speaker.setPeers([
          peerTo(ip, "10.0.0.1", { clusterId, reflectorClient: true }),
          peerTo(ip, ips[1 - index] ?? "", { clusterId }),
        ]);
        reflectors.push(node);
      }
      client.speaker.setOriginated([route("172.16.1.0/24")]);
      client.speaker.setPeers(ips.map((ip) => peerTo("10.0.0.1", ip)));
      lab.advance(10_000);
      const { paths } = reflectors[0]?.speaker.explain(parsePrefix("172.16.1.0/24")) ?? { paths: [] };
      expect(paths.map(({ verdict }) => verdict)).toEqual(["best", expected]);
      expect(paths.map(({ nextHop }) => formatScoped(nextHop))).toEqual(["10.0.0.1", "10.0.0.1"]);
    }
  });
});

function reflect(attributes: ReturnType<typeof path>) {
  const source: RibPeer = ribPeer("10.0.0.1", { clusterId: CLUSTER, reflectorClient: true });
  const view = {
    peer: { internal: true, localAs: 64_512, remoteAs: 64_512 },
    nextHopMode: "auto" as const,
    self: { 4: address4(REFLECTOR) },
    policy: acceptAll,
    clusterId: CLUSTER,
    reflectorClient: true,
  };
  const verdict = exportPath(parsePrefix("10.1.0.0/16"), { attributes, source, origin: undefined }, view);
  return "attributes" in verdict ? verdict.attributes : verdict.refusal;
}
