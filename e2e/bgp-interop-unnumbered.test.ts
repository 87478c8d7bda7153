import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { applyTo } from "./support/apply.ts";
import { type RouterFrr, startFrr } from "./support/frr.ts";
import { eventually, pingCounts, program, TestLab } from "./support/lab.ts";

/** A node with pods, and a router with FRR. The cable between them has no numbers, and nothing else leads from one to the other. */
const TOPOLOGY = `
segments: [lan, elsewhere]
routers:
  - name: gate
    interfaces:
      - { segment: lan, address: 10.0.1.1/24 }
  - name: tor
    interfaces:
      - { segment: elsewhere, address: 10.0.9.1/24 }
nodes:
  - { name: node1, segment: lan, address: 10.0.1.11/24, gateway: 10.0.1.1 }
datastore: node1
pools:
  - { name: plain, cidr: 10.244.0.0/16, blockSize: 26, ipipMode: Never, vxlanMode: Never, natOutgoing: false }
pods:
  - { name: pod1, node: node1 }
`;
/** Behind the router, in the pool, so that the node's agent programs the way there. */
const BEHIND = "10.244.250.1";
const TOR_AS = 65000;

const lab = new TestLab(TOPOLOGY, program("ocicat"));
let frr: RouterFrr | undefined;

const BGPD = `
router bgp ${TOR_AS}
 bgp router-id 10.0.9.1
 no bgp ebgp-requires-policy
 no bgp network import-check
 neighbor cable interface remote-as external
 neighbor cable timers connect 1
 address-family ipv4 unicast
  network ${BEHIND}/32
 exit-address-family
 address-family ipv6 unicast
  neighbor cable activate
 exit-address-family
`;
const ZEBRA = "interface cable\n ipv6 nd ra-interval 3\n no ipv6 nd suppress-ra\n";

beforeAll(async () => {
  await lab.up();
  const node = String(lab.pid("agent-node1"));
  await lab.out("tor", "ip", "link", "add", "cable", "type", "veth", "peer", "name", "cable", "netns", node);
  await lab.out("tor", "ip", "address", "add", `${BEHIND}/32`, "dev", "lo");
  for (const end of ["tor", "node1"]) await lab.out(end, "ip", "link", "set", "cable", "up");
});
afterAll(async () => {
  await frr?.stop();
  expect(await lab.down()).toEqual([]);
});

function apply(annotations: Readonly<Record<string, string>>, spec: object): void {
  applyTo(lab, { kind: "BGPPeer", name: "tor", spec, annotations });
}

interface Session {
  readonly name: string;
  readonly address: string;
  readonly state: string;
  readonly info: string;
}

async function session(): Promise<Session | undefined> {
  const { peers } = (await lab.agent("node1", "/bgp")) as { peers: Session[] };
  return peers[0];
}

const established = () => eventually(session, (one) => one?.state === "Established", 30_000);

/** The link-local address that an end has on the cable. */
async function linkLocal(end: string): Promise<string> {
  const text = await lab.out(end, "ip", "-6", "address", "show", "dev", "cable", "scope", "link");
  return /inet6 (fe80:\S+)\//.exec(text)?.[1] ?? "";
}

describe("a peer on a cable without numbers, with FRR at the other end", () => {
  it("is waited for, and status says for what", async () => {
    apply({ "ocicat.io/interface": "cable" }, { node: "node1", asNumber: TOR_AS });
    const waiting = await eventually(session, (one) => one?.name === "Node_cable");
    expect(waiting).toMatchObject({ address: "cable", state: "Idle" });
    expect(waiting?.info).toBe("no router advertisement has come over cable: the peer must send them there");
    expect(lab.ocicat("node", "status").stdout).toMatch(/\| cable +\| node specific +\| .* no router advertisement/);
  });

  it("comes up by router advertisements, both ways, with its link-local address and link", async () => {
    frr = await startFrr(lab, "tor", { zebra: ZEBRA, bgpd: BGPD });
    const up = await established();
    expect(up?.address).toBe(`${await linkLocal("tor")}%cable`);
    expect(lab.ocicat("bgp", "peers").stdout).toContain(`${await linkLocal("tor")}%cable`);
    const seen = JSON.parse(frr.ask("show bgp neighbors cable json")) as Record<string, Record<string, unknown>>;
    expect(seen["cable"]?.["bgpState"]).toBe("Established");
    expect(seen["cable"]?.["hostForeign"] ?? seen["cable"]?.["hostLocal"]).toBeDefined();
  });

  it("both kernels have routes of IPv4 by way of IPv6", async () => {
    const [here, there] = [await linkLocal("node1"), await linkLocal("tor")];
    const onNode = await eventually(
      () => lab.out("node1", "ip", "route", "show", BEHIND),
      (text) => text !== "",
    );
    expect(onNode).toContain(`${BEHIND} via inet6 ${there} dev cable proto bird`);
    const onRouter = await eventually(
      () => lab.out("tor", "ip", "route", "show", lab.block("pod1")),
      (text) => text !== "",
    );
    expect(onRouter).toMatch(new RegExp(`via inet6 ${here} dev cable proto bgp`));
    expect(lab.ocicat("routes", "why", BEHIND).stdout).toContain(`via inet6 ${there} dev cable proto bird`);
    const why = lab.ocicat("bgp", "why", `${BEHIND}/32`).stdout;
    expect(why).toContain(`from Node_cable, next hop ${there}%cable`);
  });

  it("a pod is reached over it, at its IPv4 address", async () => {
    const { stdout } = await lab.exec(
      "tor",
      "ping",
      "-c",
      "3",
      "-i",
      "0.2",
      "-W",
      "1",
      "-I",
      BEHIND,
      lab.address("pod1"),
    );
    expect(pingCounts(stdout).received).toBe(3);
  });

  it("goes when the carrier goes, with its routes, and comes again", async () => {
    await lab.out("tor", "ip", "link", "set", "cable", "down");
    const down = await eventually(session, (one) => one?.state === "Idle");
    expect(down?.info).toBe("interface cable has no carrier");
    expect(await lab.out("node1", "ip", "route", "show", BEHIND)).toBe("");
    // A zebra that sees a link go and come in one look forgets its neighbour for good.
    await eventually(
      () => Promise.resolve(frr?.ask("show interface cable") ?? ""),
      (text) => text.includes("Interface cable is down"),
    );
    await lab.out("tor", "ip", "link", "set", "cable", "up");
    await established();
    await eventually(
      () => lab.out("node1", "ip", "route", "show", BEHIND),
      (text) => text.includes("via inet6"),
    );
  });

  it("under TTL security (RFC 5082) is held as one over one hop", async () => {
    frr?.ask("configure terminal", `router bgp ${TOR_AS}`, "neighbor cable ttl-security hops 1");
    apply({ "ocicat.io/interface": "cable" }, { node: "node1", asNumber: TOR_AS, ttlSecurity: 1 });
    await eventually(
      () => Promise.resolve(frr?.ask("show bgp neighbors cable") ?? ""),
      (text) => /BGP state = Established/.test(text) && /External BGP neighbor may be up to 1 hops away/.test(text),
      30_000,
    );
    await established();
  });

  it("may be named by its address and the link as well", async () => {
    apply({}, { node: "node1", peerIP: `${await linkLocal("tor")}%cable`, asNumber: TOR_AS, ttlSecurity: 1 });
    await eventually(session, (one) => one?.name.startsWith("Node_fe80__") === true);
    await established();
  });
});
