import { compileSelector, type Selector } from "@ocicat/api";
import { Prefix, parseAddress, parsePrefix } from "@ocicat/net";
import fc from "fast-check";
import {
  type End,
  type Endpoint,
  endpointKey,
  type NetworkSet,
  type Policy,
  type PolicyIndex,
  type PolicyModel,
  type Profile,
  policyId,
  type Rule,
  type Service,
  serviceKey,
  type Tier,
} from "../../src/index.ts";
import { SETTINGS } from "./build.ts";

/**
 * Small clusters in which everything meets everything: few addresses, labels and names, so that endpoints share addresses,
 * selectors share sets, profiles and tiers go missing, and a change is often undone by a later one.
 */
export type Change =
  | { readonly kind: "tier"; readonly key: string; readonly value: Tier | undefined }
  | { readonly kind: "policy"; readonly key: Policy["id"]; readonly value: Policy | undefined }
  | { readonly kind: "profile"; readonly key: string; readonly value: Profile | undefined }
  | { readonly kind: "networkSet"; readonly key: string; readonly value: NetworkSet | undefined }
  | { readonly kind: "nodeSet"; readonly key: string; readonly value: NetworkSet | undefined }
  | { readonly kind: "endpoint"; readonly key: string; readonly value: Endpoint | undefined }
  | { readonly kind: "service"; readonly key: string; readonly value: Service | undefined };

const values = fc.constantFrom("x", "y", "z");
const labelNames = fc.constantFrom("a", "b", "constructor");
export const labels = fc.dictionary(labelNames, values, { maxKeys: 3, noNullPrototype: true });
const addresses = fc.constantFrom("10.0.0.1", "10.0.0.2", "10.0.0.3", "fd00::1").map((text) => parseAddress(text));
const networks = fc
  .constantFrom("10.0.0.1/32", "10.0.0.0/30", "0.0.0.0/0", "fd00::1/128", "fd00::/64")
  .map((text) => parsePrefix(text));
const profileNames = fc.constantFrom("p1", "p2");
const protocols = fc.constantFrom(6, 17);
const ports = fc.record({ name: fc.constantFrom("http", "dns"), protocol: protocols, port: fc.constantFrom(53, 80) });
const serviceNames = fc.record({ namespace: fc.constant("default"), name: fc.constantFrom("s1", "s2") });

const { text: selectorTexts } = fc.letrec<{ text: string }>((tie) => ({
  text: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.oneof(
      fc.constantFrom("all()", "global()"),
      labelNames.map((label) => `has(${label})`),
      fc
        .tuple(labelNames, fc.constantFrom("==", "!=", "contains", "starts with"), values)
        .map(([label, operator, value]) => `${label} ${operator} "${value}"`),
      fc
        .tuple(labelNames, fc.constantFrom("in", "not in"), fc.array(values, { maxLength: 2 }))
        .map(([label, operator, set]) => `${label} ${operator} {${set.map((value) => `"${value}"`).join(",")}}`),
    ),
    tie("text").map((text) => `!(${text})`),
    fc
      .tuple(tie("text"), fc.constantFrom("&&", "||"), tie("text"))
      .map(([left, operator, right]) => `(${left}) ${operator} (${right})`),
  ),
}));

export const selectors: fc.Arbitrary<Selector> = selectorTexts.map((text) => compileSelector(text));

const ends: fc.Arbitrary<End> = fc.record({
  networks: fc.constant([]),
  notNetworks: fc.constant([]),
  selector: fc.option(selectors, { nil: undefined }),
  notSelector: fc.option(selectors, { nil: undefined, freq: 4 }),
  nodes: fc.option(selectors, { nil: undefined, freq: 3 }),
  ports: fc.array(fc.record({ kind: fc.constant("name" as const), name: fc.constantFrom("http", "dns") }), {
    maxLength: 1,
  }),
  notPorts: fc.constant([]),
  service: fc.option(serviceNames, { nil: undefined, freq: 2 }),
});

const rules: fc.Arbitrary<readonly Rule[]> = fc.array(
  fc.record({
    action: fc.constantFrom("allow", "deny", "pass", "log"),
    ipVersion: fc.constant(undefined),
    protocol: fc.option(protocols, { nil: undefined }),
    notProtocol: fc.constant(undefined),
    icmp: fc.constant(undefined),
    notIcmp: fc.constant(undefined),
    source: ends,
    destination: ends,
    field: fc.constant("spec.ingress[0]"),
    broken: fc.option(fc.constant("nobody knows"), { nil: undefined, freq: 8 }),
  }),
  { maxLength: 2 },
);

const tiers: fc.Arbitrary<Tier> = fc.record({
  name: fc.constantFrom("t1", "t2"),
  order: fc.constantFrom(1, 2, Number.POSITIVE_INFINITY),
  defaultAction: fc.constantFrom("deny", "pass"),
});

const policies: fc.Arbitrary<Policy> = fc
  .record({
    namespace: fc.constantFrom("default", undefined),
    name: fc.constantFrom("n1", "n2"),
    tier: fc.constantFrom("t1", "t2"),
    order: fc.constantFrom(1, 2, Number.POSITIVE_INFINITY),
    selector: selectors,
    directions: fc.constantFrom(["ingress"] as const, ["egress"] as const, ["ingress", "egress"] as const, [] as const),
    ingress: rules,
    egress: rules,
    untracked: fc.boolean(),
    preDnat: fc.boolean(),
    applyOnForward: fc.boolean(),
    staged: fc.constantFrom("set", undefined),
    neededEverywhere: fc.nat(9).map((number) => number === 0),
  })
  .map(({ name, ...policy }): Policy => {
    const kind = policy.namespace === undefined ? "GlobalNetworkPolicy" : "NetworkPolicy";
    const path = policy.namespace === undefined ? name : `${policy.namespace}/${name}`;
    return { ...policy, id: policyId(kind, policy.namespace, name), resource: { kind, name: path } };
  });

const profiles: fc.Arbitrary<Profile> = fc.record({ name: profileNames, labels, ingress: rules, egress: rules });

const networkSets: fc.Arbitrary<NetworkSet> = fc.record({
  id: fc.constantFrom("n1", "n2"),
  kind: fc.constantFrom("NetworkSet", "GlobalNetworkSet"),
  labels,
  profiles: fc.array(profileNames, { maxLength: 1 }),
  networks: fc.array(networks, { maxLength: 3 }),
});

const nodeSets: fc.Arbitrary<NetworkSet> = fc.record({
  id: fc.constantFrom("here", "there"),
  kind: fc.constant("Node" as const),
  labels,
  profiles: fc.constant([]),
  networks: fc.array(
    addresses.map((address) => Prefix.host(address)),
    { maxLength: 2 },
  ),
});

const common = {
  id: fc.constantFrom("e1", "e2", "e3"),
  node: fc.constantFrom("here", "there"),
  labels,
  profiles: fc.array(profileNames, { maxLength: 2 }),
  ports: fc.array(ports, { maxLength: 2 }),
  interfaceName: fc.constantFrom("cali1", "cali2"),
  addresses: fc.array(addresses, { maxLength: 2 }),
};
const endpoints: fc.Arbitrary<Endpoint> = fc.oneof(
  fc.record({
    kind: fc.constant("workload" as const),
    ...common,
    workload: fc.constant("default/web"),
    namespace: fc.constant("default"),
    allowedSources: fc.constant([]),
  }),
  fc.record({ kind: fc.constant("host" as const), ...common }),
);

const services: fc.Arbitrary<Service> = fc
  .tuple(
    serviceNames,
    fc.array(
      fc.record({
        address: addresses,
        at: fc.option(fc.record({ protocol: protocols, port: fc.constantFrom(53, 80) }), { nil: undefined }),
      }),
      { maxLength: 3 },
    ),
  )
  .map(([name, places]) => ({ ...name, endpoints: places }));

/** A value, or that there is none any more under its key. */
function setOrGone<V>(all: fc.Arbitrary<V>): fc.Arbitrary<{ readonly of: V; readonly value: V | undefined }> {
  return fc.tuple(all, fc.nat(3)).map(([of, fate]) => ({ of, value: fate === 0 ? undefined : of }));
}

const change: fc.Arbitrary<Change> = fc.oneof(
  { weight: 1, arbitrary: setOrGone(tiers).map(({ of, value }) => ({ kind: "tier" as const, key: of.name, value })) },
  {
    weight: 3,
    arbitrary: setOrGone(policies).map(({ of, value }) => ({ kind: "policy" as const, key: of.id, value })),
  },
  {
    weight: 2,
    arbitrary: setOrGone(profiles).map(({ of, value }) => ({ kind: "profile" as const, key: of.name, value })),
  },
  {
    weight: 2,
    arbitrary: setOrGone(networkSets).map(({ of, value }) => ({
      kind: "networkSet" as const,
      key: `${of.kind} ${of.id}`,
      value,
    })),
  },
  {
    weight: 1,
    arbitrary: setOrGone(nodeSets).map(({ of, value }) => ({ kind: "nodeSet" as const, key: of.id, value })),
  },
  {
    weight: 5,
    arbitrary: setOrGone(endpoints).map(({ of, value }) => ({
      kind: "endpoint" as const,
      key: endpointKey(of),
      value,
    })),
  },
  {
    weight: 1,
    arbitrary: setOrGone(services).map(({ of, value }) => ({ kind: "service" as const, key: serviceKey(of), value })),
  },
);

/** Changes one after the other. Half of those of a value that is there change one part of it and leave the others. */
export function changes(maxLength: number): fc.Arbitrary<readonly Change[]> {
  return fc.array(fc.tuple(change, fc.boolean(), fc.nat()), { maxLength, size: "max" }).map((drawn) => {
    const known = new Map<string, Change>();
    return drawn.map(([next, partly, part]) => {
      const key = keyOf(next);
      const told = partly ? withOnePartOf(known.get(key) ?? next, next, part) : next;
      known.set(key, told);
      return told;
    });
  });
}

function withOnePartOf(known: Change, next: Change, part: number): Change {
  if (known.value === undefined || next.value === undefined) return next;
  const parts = Object.entries(next.value);
  return Object.assign(
    { ...known },
    {
      value: { ...known.value, ...Object.fromEntries(parts.slice(part % parts.length).slice(0, 1)) },
    },
  );
}

function keyOf({ kind, key }: Change): string {
  return `${kind} ${key}`;
}

export function tell(index: PolicyIndex, change: Change): void {
  switch (change.kind) {
    case "tier":
      index.setTier(change.key, change.value);
      break;
    case "policy":
      index.setPolicy(change.key, change.value);
      break;
    case "profile":
      index.setProfile(change.key, change.value);
      break;
    case "networkSet":
      index.setNetworkSet(change.key, change.value);
      break;
    case "nodeSet":
      index.setNodeSet(change.key, change.value);
      break;
    case "endpoint":
      index.setEndpoint(change.key, change.value);
      break;
    case "service":
      index.setService(change.key, change.value);
      break;
  }
}

/** The last change of each key: what the others have led to. */
export function lastOf(all: readonly Change[]): readonly Change[] {
  return [...new Map(all.map((last) => [keyOf(last), last])).values()];
}

export function modelOf(all: readonly Change[]): PolicyModel {
  const last = lastOf(all);
  return {
    tiers: last.flatMap((change) => (change.kind === "tier" ? (change.value ?? []) : [])),
    policies: last.flatMap((change) => (change.kind === "policy" ? (change.value ?? []) : [])),
    profiles: last.flatMap((change) => (change.kind === "profile" ? (change.value ?? []) : [])),
    networkSets: last.flatMap((change) => (change.kind === "networkSet" ? (change.value ?? []) : [])),
    nodeSets: last.flatMap((change) => (change.kind === "nodeSet" ? (change.value ?? []) : [])),
    endpoints: last.flatMap((change) => (change.kind === "endpoint" ? (change.value ?? []) : [])),
    services: last.flatMap((change) => (change.kind === "service" ? (change.value ?? []) : [])),
    settings: SETTINGS,
  };
}
