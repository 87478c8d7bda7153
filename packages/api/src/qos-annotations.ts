import type { WorkloadEndpointSpec } from "./kinds/workload-endpoint.ts";
import { parseQuantity } from "./quantity.ts";

export type QosControls = NonNullable<WorkloadEndpointSpec["qosControls"]>;

/** What an annotation says that cannot be kept to. */
export interface QosProblem {
  readonly annotation: string;
  readonly text: string;
  /** Follows the text: `is less than 1000`. */
  readonly why: string;
}

const PREFIX = "qos.projectcalico.org/";
const DSCP = `${PREFIX}dscp`;

type Range = readonly [least: number, greatest: number];

/** By the name behind `ingress` or `egress`; the field is called the same. Bits, but for the bytes of a minburst. */
const LIMITS = {
  Bandwidth: [1e3, 1e15],
  Burst: [1e3, 8 * (2 ** 32 - 1)],
  Peakrate: [1010, 1.01e15],
  Minburst: [1e3, 1e8],
  PacketRate: [1, 1e4],
  PacketBurst: [1, 1e4],
  MaxConnections: [1, 2 ** 32 - 1],
} as const satisfies Readonly<Record<string, Range>>;

type Limit = keyof typeof LIMITS;

/** Calico's, where a rate has none of its own: 4 Gibit, 5 packets. */
const BURSTS = { Bandwidth: ["Burst", 2 ** 32], PacketRate: ["PacketBurst", 5] } as const;

const DIRECTIONS = ["ingress", "egress"] as const;
type Direction = (typeof DIRECTIONS)[number];

/** Kubernetes' own, of its bandwidth plugin: it counts where Calico's is not there. */
const kubernetesName = (direction: Direction) => `kubernetes.io/${direction}-bandwidth`;

/** All annotations that say something about limits. */
export const QOS_ANNOTATIONS: readonly string[] = [
  ...DIRECTIONS.flatMap((direction) => [
    ...Object.keys(LIMITS).map((limit) => `${PREFIX}${direction}${limit}`),
    kubernetesName(direction),
  ]),
  DSCP,
];

/**
 * A pod's annotations without those of Kubernetes' bandwidth plugin. Where a kubelet runs the plugins that one stands in the
 * network's list and shapes the pod itself: two that do refuse each other, and the pod never starts.
 */
export function withoutPluginBandwidth(
  annotations: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  // Most pods have none of them, and there are many pods: those are not copied.
  if (!PLUGIN_NAMES.some((name) => name in annotations)) return annotations;
  return Object.fromEntries(Object.entries(annotations).filter(([name]) => !PLUGIN_NAMES.includes(name)));
}

const PLUGIN_NAMES: readonly string[] = DIRECTIONS.map(kubernetesName);

const NAMES: ReadonlySet<string> = new Set(QOS_ANNOTATIONS);

/**
 * What a pod's annotations limit it to, as its endpoint has it: `qos.projectcalico.org/ingressBandwidth: 10M` and others. A
 * limit beyond what can be is the nearest that can; one that is none, or that needs another that is not there, is left out.
 * `controls` is undefined where nothing is limited.
 */
export function readQosAnnotations(annotations: Readonly<Record<string, string>>): {
  readonly controls: QosControls | undefined;
  readonly problems: readonly QosProblem[];
} {
  const problems: QosProblem[] = [];
  // Most pods have none of them.
  if (!Object.keys(annotations).some((name) => NAMES.has(name))) return { controls: undefined, problems };
  const given = DIRECTIONS.map((direction) => readDirection(direction, annotations, problems));
  const dscp = readDscp(annotations, problems);
  const controls = Object.assign({}, ...given, dscp === undefined ? {} : { dscp }) as QosControls;
  return { controls: Object.keys(controls).length === 0 ? undefined : controls, problems };
}

function readDirection(
  direction: Direction,
  annotations: Readonly<Record<string, string>>,
  problems: QosProblem[],
): QosControls {
  const found = new Map<Limit, number>();
  const nameOf = (limit: Limit) => `${PREFIX}${direction}${limit}`;
  for (const limit of Object.keys(LIMITS) as Limit[]) {
    const names = limit === "Bandwidth" ? [nameOf(limit), kubernetesName(direction)] : [nameOf(limit)];
    const annotation = names.find((name) => annotations[name] !== undefined);
    const text = annotation && annotations[annotation];
    if (annotation === undefined || text === undefined) continue;
    const [value, why] = within(parseQuantity(text), LIMITS[limit]);
    if (why !== undefined) problems.push({ annotation, text, why });
    if (value !== undefined) found.set(limit, value);
  }
  const drop = (limit: Limit, why: string) => {
    if (!found.delete(limit)) return;
    problems.push({ annotation: nameOf(limit), text: annotations[nameOf(limit)] ?? "", why });
  };
  const { Bandwidth: rate, Peakrate: peak } = Object.fromEntries(found);
  if (rate === undefined) drop("Burst", `is left out: there is no ${direction}Bandwidth`);
  if (rate === undefined || (peak !== undefined && peak <= rate)) {
    drop("Peakrate", `is left out: it is not above ${direction}Bandwidth`);
  }
  if (!found.has("Peakrate")) drop("Minburst", `is left out: there is no ${direction}Peakrate`);
  if (!found.has("PacketRate")) drop("PacketBurst", `is left out: there is no ${direction}PacketRate`);
  for (const [of, [burst, standard]] of Object.entries(BURSTS)) {
    if (found.has(of as Limit) && !found.has(burst)) found.set(burst, standard);
  }
  return Object.fromEntries([...found].map(([limit, value]) => [`${direction}${limit}`, value]));
}

function within(
  value: number | undefined,
  [least, greatest]: Range,
): readonly [number | undefined, string | undefined] {
  if (value === undefined) return [undefined, "is not a quantity, as 10M"];
  if (value < least) return [least, `is less than ${least}`];
  return value > greatest ? [greatest, `is more than ${greatest}`] : [value, undefined];
}

const DSCP_VALUE = /^(?:EF|DF|LE|AF[1-4][1-3]|CS[0-7]|\d|[1-5]\d|6[0-3])$/;

function readDscp(annotations: Readonly<Record<string, string>>, problems: QosProblem[]): string | number | undefined {
  const text = annotations[DSCP];
  if (text === undefined) return undefined;
  if (DSCP_VALUE.test(text)) return /^\d/.test(text) ? Number(text) : text;
  problems.push({ annotation: DSCP, text, why: "is not a DSCP: a number from 0 to 63, or a name as EF, AF41, CS6" });
  return undefined;
}
