import type { AnyResource, Kind } from "@ocicat/api";
import { isObject } from "@ocicat/api";

/** What becomes of something of Calico's. */
export interface Finding {
  /** `FelixConfiguration default`. */
  readonly what: string;
  /** `changed`: it is kept as it stands, and means something else here. `refused`: the takeover would break what it asks for. */
  readonly verdict: "changed" | "refused";
  readonly why: string;
  readonly fix: string | undefined;
}

export interface Judgement {
  /** How many of each kind mean here what they mean to Calico. */
  readonly kept: ReadonlyMap<string, number>;
  readonly findings: readonly Finding[];
}

/** What a setting asks for that this network does not have: a node would be without it from the takeover on. */
interface Demand {
  readonly kind: string;
  readonly field: string;
  readonly asks: (value: unknown) => boolean;
  readonly why: string;
  readonly fix: string;
}

const on = (value: unknown) => value === true;

const DEMANDS: readonly Demand[] = [
  {
    kind: "FelixConfiguration",
    field: "bpfEnabled",
    asks: on,
    why: "Calico's eBPF programs carry the packets, and the services' too; here the kernel's routes and nftables do",
    fix: "set bpfEnabled to false, have kube-proxy on every node, and wait until Calico has changed over",
  },
  {
    kind: "FelixConfiguration",
    field: "wireguardEnabled",
    asks: on,
    why: "packets between nodes would go in the clear",
    fix: "set wireguardEnabled to false if they may",
  },
  {
    kind: "FelixConfiguration",
    field: "wireguardEnabledV6",
    asks: on,
    why: "packets between nodes would go in the clear",
    fix: "set wireguardEnabledV6 to false if they may",
  },
  {
    kind: "FelixConfiguration",
    field: "iptablesBackend",
    asks: (value) => value === "Legacy",
    why: "rules in iptables' old interface cannot be taken away here, and would cut off new pods",
    fix: "set iptablesBackend to NFT, and wait until Calico has changed over",
  },
  {
    kind: "ClusterInformation",
    field: "datastoreReady",
    asks: (value) => value === false,
    why: "the datastore is locked: a migration of data is under way",
    fix: "end it first: ocicat datastore migrate unlock",
  },
];

/** What is to be said of all that Calico has stored. `unreadable`: by key, why. */
export function judge(
  resources: Iterable<readonly [Kind, readonly AnyResource[]]>,
  unreadable: ReadonlyMap<string, string>,
): Judgement {
  const kept = new Map<string, number>();
  const findings: Finding[] = Array.from(unreadable, ([key, why]) => ({
    what: key,
    verdict: "refused" as const,
    why: `it cannot be read: ${why}`,
    fix: "mend or delete it: what is not understood closes",
  }));
  for (const [kind, items] of resources) {
    for (const resource of items) {
      const own = [...demands(resource), ...changes(kind, resource)];
      findings.push(...own);
      if (own.length === 0) kept.set(kind.kind, (kept.get(kind.kind) ?? 0) + 1);
    }
  }
  const order = { refused: 0, changed: 1 };
  return { kept, findings: findings.sort((a, b) => order[a.verdict] - order[b.verdict]) };
}

function demands({ kind, metadata, spec }: AnyResource): readonly Finding[] {
  return DEMANDS.filter((demand) => demand.kind === kind && isObject(spec) && demand.asks(spec[demand.field])).map(
    ({ field, why, fix }) => ({ what: `${kind} ${metadata.name}: ${field}`, verdict: "refused", why, fix }),
  );
}

/** Fields that this version stores and does not act on, together where they are about one thing. */
function changes(kind: Kind, resource: AnyResource): readonly Finding[] {
  const isDemanded = new Set(
    DEMANDS.filter((demand) => demand.kind === resource.kind).map(({ field }) => `spec.${field}`),
  );
  const fields = kind.withoutEffect(resource).filter(({ field }) => !isDemanded.has(field));
  return [...Map.groupBy(fields, ({ section }) => section)].map(([section, members]) => ({
    what: `${resource.kind} ${resource.metadata.name}: ${members.map(({ field }) => field.replace("spec.", "")).join(", ")}`,
    verdict: "changed",
    why: `stored, and without effect here (${section})`,
    fix: undefined,
  }));
}
