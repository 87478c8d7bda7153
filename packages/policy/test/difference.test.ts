import { describe, expect, it } from "vitest";
import { type Change, describePackets, difference } from "../src/difference/index.ts";
import { type Policy, type PolicyModel, readClusterPolicy, verdict, withStaged } from "../src/index.ts";
import { ALLOW_ALL, host, networkSet, policy, SETTINGS, workload } from "./support/build.ts";

const WEB = ["web-1", "web-2"].map((name, index) =>
  workload({ name, addresses: [`10.0.0.${index + 1}`, `fd00::${index + 1}`], labels: { app: "web" } }),
);
const DB = workload({ name: "db", addresses: ["10.0.0.10"], labels: { app: "db" }, node: "node2" });
const OTHER = workload({
  name: "other",
  addresses: ["10.0.0.20"],
  node: "node2",
  ports: [{ name: "admin", protocol: 6, port: 8443 }],
});

function model(policies: readonly Policy[], more: Partial<PolicyModel> = {}): PolicyModel {
  return {
    tiers: [{ name: "default", order: 1_000_000, defaultAction: "deny" }],
    policies,
    profiles: [ALLOW_ALL],
    endpoints: ENDPOINTS,
    networkSets: [],
    services: [],
    settings: SETTINGS,
    ...more,
  };
}
const ENDPOINTS = [...WEB, DB, OTHER];
const EMPTY = model([]);
const with_ = (before: PolicyModel, ...policies: readonly Policy[]) => ({ ...before, policies });

/** `default/web-1+1 → default/db: TCP 80 denied`. */
function told(changes: readonly Change[]): readonly string[] {
  const name = ({ members }: Change["from"]) =>
    `${members[0]?.name}${members.length > 1 ? `+${members.length - 1}` : ""}`;
  return changes
    .map(
      ({ from, to, packets, all, after, families }) =>
        `${name(from)} → ${name(to)}: ${describePackets(packets, all)} ${after.allowed ? "allowed" : "denied"}${families.length === 2 ? "" : ` (${families.join()})`}`,
    )
    .sort();
}

describe("the difference that a policy makes", () => {
  it("is who can no longer reach what it applies to, by kinds of endpoints", () => {
    const only = policy("only-web", {
      selector: "app == 'db'",
      ingress: [
        { action: "Allow", protocol: "TCP", source: { selector: "app == 'web'" }, destination: { ports: [5432] } },
      ],
    });
    const { policies, changes, pairs } = difference(EMPTY, with_(EMPTY, only));
    expect(policies).toEqual([{ id: "GlobalNetworkPolicy only-web", change: "added", before: 0, after: 1 }]);
    expect(told(changes)).toEqual([
      "default/other → default/db: everything denied (4)",
      "default/web-1+1 → default/db: TCP 1-5431, 5433-65535; UDP; ICMP; other protocols denied (4)",
      "elsewhere (IPv4) → default/db: everything denied (4)",
    ]);
    expect(pairs).toMatchObject({ changed: 4, leftOut: 0 });
  });

  it("is nothing where a policy repeats what holds", () => {
    const all = policy("all", { selector: "app == 'db'", ingress: [{ action: "Allow" }] });
    expect(difference(EMPTY, with_(EMPTY, all)).changes).toEqual([]);
  });

  it("does not count what another policy denies anyway", () => {
    const closed = policy("closed", { selector: "app == 'db'", order: 1, ingress: [{ action: "Deny" }] });
    const open = policy("open", { selector: "app == 'db'", order: 2, ingress: [{ action: "Allow" }] });
    const before = model([closed]);
    expect(difference(before, with_(before, closed, open)).changes).toEqual([]);
  });

  it("tells nodes by their labels, where a rule asks for them", () => {
    const node = (id: string, role: string, address: string) => ({
      ...networkSet(id, { role }, [address]),
      kind: "Node" as const,
    });
    const before = model([], {
      tiers: [...EMPTY.tiers, { name: "kube-admin", order: 1_000, defaultAction: "pass" }],
      nodeSets: [node("node1", "db", "192.0.2.1/32"), node("node2", "web", "192.0.2.2/32")],
    });
    const deny = readClusterPolicy({
      metadata: { name: "deny" },
      spec: {
        tier: "Admin",
        priority: 1,
        subject: { pods: { podSelector: { matchLabels: { app: "db" } } } },
        egress: [{ action: "Deny", to: [{ nodes: { matchLabels: { role: "db" } } }] }],
      },
    });
    expect(told(difference(before, with_(before, deny)).changes)).toEqual([
      "default/db → node1: everything denied (4)",
    ]);
  });

  it("tells networks outside from all else, and knows network sets", () => {
    const block = policy("block", {
      selector: "app == 'web'",
      types: ["Egress"],
      egress: [
        { action: "Deny", destination: { nets: ["198.51.100.0/24"], notNets: ["198.51.100.8/29"] } },
        { action: "Deny", destination: { selector: "role == 'bad'" } },
        { action: "Allow" },
      ],
    });
    const networkSets = [networkSet("bad", { role: "bad" }, ["203.0.113.0/24", "2001:db8::/32"])];
    const before = model([], { networkSets });
    expect(told(difference(before, with_(before, block)).changes)).toEqual([
      "default/web-1+1 → 198.51.100.0/24: everything denied (4)",
      "default/web-1+1 → 2001:db8::/32: everything denied (6)",
      "default/web-1+1 → 203.0.113.0/24: everything denied (4)",
    ]);
  });

  it("takes an address for the endpoint's that has it, in whatever network it lies", () => {
    const block = policy("block", {
      selector: "app == 'db'",
      types: ["Egress"],
      egress: [{ action: "Deny", destination: { nets: ["10.0.0.1/32", "10.0.0.2/31"] } }, { action: "Allow" }],
    });
    expect(told(difference(EMPTY, with_(EMPTY, block)).changes)).toEqual([
      "default/db → 10.0.0.2/31: everything denied (4)",
      "default/db → default/web-1+1: everything denied (4)",
    ]);
  });

  it("goes between two of one kind, in both families at once where they agree", () => {
    const apart = policy("apart", {
      selector: "app == 'web'",
      ingress: [{ action: "Deny", source: { selector: "app == 'web'" } }, { action: "Allow" }],
    });
    expect(told(difference(EMPTY, with_(EMPTY, apart)).changes)).toEqual([
      "default/web-1+1 → default/web-1+1: everything denied",
    ]);
  });

  it("is by named ports of the endpoint, by ICMP types, and by source ports", () => {
    const named = policy("named", {
      selector: "!has(app)",
      ingress: [
        { action: "Deny", protocol: "TCP", destination: { ports: ["admin"] } },
        { action: "Deny", protocol: "ICMP", icmp: { type: 8 } },
        { action: "Deny", protocol: "UDP", source: { ports: [53] } },
        { action: "Allow" },
      ],
    });
    const changes = told(difference(EMPTY, with_(EMPTY, named)).changes);
    expect(changes).toContain("default/db → default/other: TCP 8443 denied (4)");
    expect(changes).toContain("default/db → default/other: ICMP type 8 denied (4)");
    expect(changes).toContain("default/db → default/other: UDP 1-65535 from port 53 denied (4)");
    expect(changes).not.toContain("default/db → default/other: everything denied (4)");
  });

  it("tells host endpoints' nodes by their names", () => {
    const endpoints = [
      ...ENDPOINTS,
      host({ id: "node9-all", node: "node9", addresses: ["192.0.2.9"], labels: { host: "yes" } }),
    ];
    const before = model([], { endpoints });
    const closed = policy("hosts", { selector: "host == 'yes'", ingress: [{ action: "Allow", protocol: "TCP" }] });
    const open = { ...closed, ingress: [] };
    const changes = told(difference(with_(before, closed), with_(before, open)).changes);
    expect(changes).toEqual([
      "default/db+1 → node9: TCP denied (4)",
      "default/web-1+1 → node9: TCP denied (4)",
      "elsewhere (IPv4) → node9: TCP denied (4)",
    ]);
  });

  it("leaves out what is beyond its measure, and says how much", () => {
    const closed = policy("closed", { selector: "all()", types: ["Ingress"] });
    const whole = difference(EMPTY, with_(EMPTY, closed));
    const part = difference(EMPTY, with_(EMPTY, closed), 20);
    expect(whole.pairs.leftOut).toBe(0);
    expect(part.pairs.leftOut).toBeGreaterThan(0);
    expect(part.pairs.looked + part.pairs.leftOut).toBe(whole.pairs.looked);
  });
});

describe("staged policies, enforced", () => {
  const spec = { selector: "app == 'db'", ingress: [{ action: "Deny" }] };
  const staged = (name: string, more: object = {}) =>
    policy(name, { ...spec, ...more }, { kind: "StagedGlobalNetworkPolicy" });

  const TAKES_B_AWAY = policy("b", { stagedAction: "Delete" }, { kind: "StagedGlobalNetworkPolicy" });

  it("put policies there, over those of the same name, and take others away", () => {
    const before = model([
      policy("a", { ...spec, ingress: [] }),
      policy("b", spec),
      staged("a"),
      TAKES_B_AWAY,
      staged("c"),
    ]);
    const after = withStaged(before);
    expect(after.policies.map(({ id, staged: mark }) => [id, mark])).toEqual([
      ["GlobalNetworkPolicy a", undefined],
      ["GlobalNetworkPolicy c", undefined],
    ]);
    expect(after.policies[0]?.ingress).toHaveLength(1);
  });

  it("one of them leaves the others staged", () => {
    const before = model([staged("a"), staged("b")]);
    const after = withStaged(before, ({ id }) => id === "StagedGlobalNetworkPolicy a");
    expect(after.policies.map(({ id }) => id)).toEqual(["StagedGlobalNetworkPolicy b", "GlobalNetworkPolicy a"]);
    expect(told(difference(before, after).changes)).toContain("default/web-1+1 → default/db: everything denied (4)");
  });
});

describe("what is left out of the difference", () => {
  // Every pair by itself, on packets that nobody chose: if kinds of endpoints were too coarse, one of these would differ.
  it("does not change: every pair looked at by itself", () => {
    const before = model([
      policy("a", {
        selector: "app == 'db'",
        order: 5,
        ingress: [{ action: "Allow", protocol: "TCP", destination: { ports: ["80:90"] } }],
      }),
    ]);
    const after = with_(
      before,
      ...before.policies,
      policy("b", {
        selector: "app in {'db', 'web'}",
        order: 1,
        ingress: [
          { action: "Pass", source: { notSelector: "app == 'web'" } },
          { action: "Allow", protocol: "UDP" },
        ],
      }),
    );
    const found = new Set(
      difference(before, after).changes.flatMap(({ from, to, packets }) =>
        from.members.flatMap((a) =>
          to.members.flatMap((b) =>
            packets.map((one) => `${a.name} ${b.name} ${one.protocol} ${one.ports?.first}-${one.ports?.last}`),
          ),
        ),
      ),
    );
    let differing = 0;
    for (const a of ENDPOINTS) {
      for (const b of ENDPOINTS) {
        if (a === b) continue;
        for (const [protocol, port] of [
          [6, 80],
          [6, 85],
          [6, 91],
          [17, 85],
          [17, 53],
        ] as const) {
          const [source, destination] = [a.addresses[0], b.addresses[0]];
          if (source === undefined || destination === undefined) throw new Error("no address");
          const packet = { source, destination, protocol, sourcePort: 40_000, destinationPort: port };
          if (verdict(packet, before).allowed === verdict(packet, after).allowed) continue;
          differing += 1;
          const told_ = [...found].some((text) => {
            const [from, to, of, range = ""] = text.split(" ");
            const [first = 0, last = 0] = range.split("-").map(Number);
            return from === a.workload && to === b.workload && Number(of) === protocol && first <= port && port <= last;
          });
          expect(told_, `${a.workload} → ${b.workload} ${protocol} ${port}`).toBe(true);
        }
      }
    }
    expect(differing).toBeGreaterThan(0);
  });
});
