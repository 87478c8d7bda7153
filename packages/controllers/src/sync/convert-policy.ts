import {
  type Infer,
  isObject,
  type KubernetesPeer,
  type KubernetesPort,
  kubernetesEgressRule,
  kubernetesIngressRule,
  type LabelSelector,
  labelSelector,
  readValue,
} from "@ocicat/api";

/** All of Kubernetes' policies come together among those of Calico in the default tier. */
const ORDER = 1000;

/** What makes an endpoint a pod. */
const IS_POD = "projectcalico.org/orchestrator == 'k8s'";

type KubernetesRule = Partial<Infer<typeof kubernetesIngressRule>> & Partial<Infer<typeof kubernetesEgressRule>>;

/** One end of a rule as Calico stores it; what is undefined is not written. */
interface End {
  readonly selector?: string | undefined;
  readonly namespaceSelector?: string | undefined;
  readonly nets?: readonly string[] | undefined;
  readonly notNets?: readonly string[] | undefined;
  readonly ports?: readonly (number | string)[] | undefined;
}

/**
 * The spec of a NetworkPolicy of networking.k8s.io/v1 as that of Calico's, in the form in which kube-controllers writes it.
 * A rule that cannot be read allows nothing; a policy of which it cannot be read whom it chooses closes its namespace.
 */
export function calicoPolicySpec(spec: unknown): object {
  if (!isObject(spec)) return closed();
  const selected = readValue(labelSelector, spec.podSelector ?? {}, "tolerant");
  const types = readTypes(spec.policyTypes, spec.egress);
  if (!selected.ok || types === undefined) return closed();
  return {
    order: ORDER,
    selector: podSelector(selected.value),
    types,
    ingress: readRules(kubernetesIngressRule, spec.ingress, ({ from = [], ports = [] }) =>
      rulesOf(from, ports, (peer, some) => ({ source: peer, destination: { ports: some } })),
    ),
    egress: readRules(kubernetesEgressRule, spec.egress, ({ to = [], ports = [] }) =>
      rulesOf(to, ports, (peer, some) => ({ source: {}, destination: { ...peer, ports: some } })),
    ),
  };
}

function closed(): object {
  return { order: ORDER, selector: IS_POD, types: ["Ingress", "Egress"] };
}

/** Unless told: ingress, and egress if there are rules for it. Undefined: they cannot be read. */
function readTypes(types: unknown, egress: unknown): readonly string[] | undefined {
  if (types === undefined || types === null || (Array.isArray(types) && types.length === 0)) {
    return Array.isArray(egress) && egress.length > 0 ? ["Ingress", "Egress"] : ["Ingress"];
  }
  if (!Array.isArray(types)) return undefined;
  const known = ["Ingress", "Egress"].filter((type) => types.includes(type));
  return types.every((type) => type === "Ingress" || type === "Egress") ? known : undefined;
}

function readRules(
  schema: typeof kubernetesIngressRule | typeof kubernetesEgressRule,
  rules: unknown,
  convert: (rule: KubernetesRule) => readonly object[],
): readonly object[] {
  if (!Array.isArray(rules)) return [];
  return rules.flatMap((rule: unknown) => {
    const reading = readValue<KubernetesRule>(schema, rule, "strict");
    return reading.ok ? convert(reading.value) : [];
  });
}

/** One rule for each protocol and peer. */
function rulesOf(
  peers: readonly KubernetesPeer[],
  ports: readonly KubernetesPort[],
  ends: (peer: End, ports: readonly (number | string)[] | undefined) => object,
): readonly object[] {
  const wanted = peers.length === 0 ? [{}] : peers.flatMap((peer) => endOf(peer) ?? []);
  return portsByProtocol(ports).flatMap(([protocol, some]) =>
    wanted.map((end) => ({
      action: "Allow",
      ...(protocol === undefined ? {} : { protocol }),
      ...ends(end, some.length === 0 ? undefined : some),
    })),
  );
}

/** Undefined: a peer that says nothing, or two things, is nobody. */
function endOf({ podSelector: pods, namespaceSelector, ipBlock }: KubernetesPeer): End | undefined {
  const isPods = pods !== undefined || namespaceSelector !== undefined;
  if (isPods === (ipBlock !== undefined)) return undefined;
  if (ipBlock !== undefined) {
    const { cidr, except = [] } = ipBlock;
    return { nets: [cidr], ...(except.length === 0 ? {} : { notNets: except }) };
  }
  return {
    selector: podSelector(pods),
    ...(namespaceSelector === undefined ? {} : { namespaceSelector: namespacesWith(namespaceSelector) }),
  };
}

/** No ports are all ports of all protocols; a protocol without a port is all of its ports, whatever else names it. */
function portsByProtocol(
  ports: readonly KubernetesPort[],
): readonly (readonly [string | undefined, readonly (number | string)[]])[] {
  if (ports.length === 0) return [[undefined, []]];
  const groups = [...Map.groupBy(ports, ({ protocol = "TCP" }) => protocol)].sort(([a], [b]) => (a < b ? -1 : 1));
  return groups.map(([protocol, some]) => [
    protocol,
    some.some(({ port }) => port === undefined) ? [] : coalesced(some),
  ]);
}

/** Names first, then numbers as the fewest ranges that hold them all: `[80, 81, 82, "web"]` is `["web", "80:82"]`. */
function coalesced(ports: readonly KubernetesPort[]): readonly (number | string)[] {
  const names = ports.flatMap(({ port }) => (typeof port === "string" ? [port] : []));
  const ranges = ports
    .flatMap(({ port, endPort = port }) =>
      typeof port === "number" && typeof endPort === "number" ? [{ first: port, last: endPort }] : [],
    )
    .sort((a, b) => a.first - b.first);
  const joined: { first: number; last: number }[] = [];
  for (const { first, last } of ranges) {
    const before = joined.at(-1);
    if (before !== undefined && first <= before.last + 1) before.last = Math.max(before.last, last);
    else joined.push({ first, last });
  }
  return [...names, ...joined.map(({ first, last }) => (first === last ? first : `${first}:${last}`))];
}

/** Pods of the policy's namespace, or of the namespaces that are chosen beside them. */
function podSelector(selector: LabelSelector | undefined): string {
  return [IS_POD, ...termsOf(selector ?? {})].join(" && ");
}

function namespacesWith(selector: LabelSelector): string {
  return termsOf(selector).join(" && ") || "all()";
}

function termsOf({ matchLabels = {}, matchExpressions = [] }: LabelSelector): readonly string[] {
  const labels = Object.entries(matchLabels).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    ...labels.map(([key, value]) => `${key} == '${value}'`),
    ...matchExpressions.map(({ key, operator, values = [] }) => TERMS[operator](key, `{ '${values.join("', '")}' }`)),
  ];
}

const TERMS: Readonly<
  Record<NonNullable<LabelSelector["matchExpressions"]>[number]["operator"], (key: string, values: string) => string>
> = {
  In: (key, values) => `${key} in ${values}`,
  NotIn: (key, values) => `${key} not in ${values}`,
  Exists: (key) => `has(${key})`,
  DoesNotExist: (key) => `! has(${key})`,
};
