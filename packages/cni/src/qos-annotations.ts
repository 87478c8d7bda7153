import type { WorkloadEndpointSpec } from "@ocicat/api";
import { invalidConfig } from "./errors.ts";
import type { JsonReader } from "./json-reader.ts";

export type QosControls = NonNullable<WorkloadEndpointSpec["qosControls"]>;

const PREFIX = "qos.projectcalico.org/";
/** Kubernetes' own, of its bandwidth plugin: they count where Calico's are not there. */
const KUBERNETES = "kubernetes.io/";

/** Least and greatest, Calico's. */
const BANDWIDTH = [1e3, 1e15] as const;
const BURST = [1e3, 34_359_738_360] as const;
const MINBURST = [1e3, 1e8] as const;
const PACKET_RATE = [1, 1e4] as const;
const PACKET_BURST = [1, 1e4] as const;
const CONNECTIONS = [1, 2 ** 32 - 1] as const;

/** Name behind `ingress` or `egress`; the field is called the same. */
const LIMITS = {
  Bandwidth: BANDWIDTH,
  Burst: BURST,
  Peakrate: BANDWIDTH,
  Minburst: MINBURST,
  PacketRate: PACKET_RATE,
  PacketBurst: PACKET_BURST,
  MaxConnections: CONNECTIONS,
} as const;

const DIRECTIONS = ["ingress", "egress"] as const;

/**
 * What a pod's annotations limit it to, as it is stored with its endpoint: `qos.projectcalico.org/ingressBandwidth: 10M` and
 * others. Undefined if it has none of them. Throws CniError code 7.
 */
export function parseQosAnnotations(annotations: JsonReader | undefined): QosControls | undefined {
  if (annotations === undefined) return undefined;
  const numbers = DIRECTIONS.flatMap((direction) =>
    Object.entries(LIMITS).flatMap(([name, range]) => {
      const value = quantityAt(annotations, `${PREFIX}${direction}${name}`, range);
      return value === undefined ? [] : [[`${direction}${name}`, value] as const];
    }),
  );
  const found: Record<string, number> = Object.fromEntries(numbers);
  for (const direction of DIRECTIONS) {
    const value = quantityAt(annotations, `${KUBERNETES}${direction}-bandwidth`, BANDWIDTH);
    if (value !== undefined) found[`${direction}Bandwidth`] ??= value;
  }
  const dscp = dscpAt(annotations);
  if (Object.keys(found).length === 0 && dscp === undefined) return undefined;
  return dscp === undefined ? found : { ...found, dscp };
}

const UNITS: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  T: 1e12,
  P: 1e15,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
  Ti: 2 ** 40,
  Pi: 2 ** 50,
};

/** A whole number as Kubernetes writes quantities: 10M, 1.5G, 64Ki. */
function quantityAt(
  annotations: JsonReader,
  name: string,
  [least, greatest]: readonly [number, number],
): number | undefined {
  const text = annotations.string(name);
  if (text === undefined) return undefined;
  const [, digits = "", unit = ""] = /^(\d+(?:\.\d+)?)([kMGTP]|[KMGTP]i)?$/.exec(text) ?? [];
  const value = digits === "" ? Number.NaN : Math.round(Number(digits) * (UNITS[unit] ?? 1) * 1e3) / 1e3;
  if (Number.isSafeInteger(value) && value >= least && value <= greatest) return value;
  throw invalidConfig(
    annotations.at(name),
    `${text} is not a quantity from ${least} to ${greatest}`,
    "write a whole number, with k, M, G, T, P, Ki, Mi, … behind it where wanted: 10M",
  );
}

const DSCP = /^(?:EF|DF|LE|AF[1-4][1-3]|CS[0-7]|\d|[1-5]\d|6[0-3])$/;

function dscpAt(annotations: JsonReader): string | number | undefined {
  const name = `${PREFIX}dscp`;
  const text = annotations.string(name);
  if (text === undefined) return undefined;
  if (!DSCP.test(text)) {
    throw invalidConfig(
      annotations.at(name),
      `${text} is not a DSCP`,
      "write a number from 0 to 63, or a name: EF, AF41, CS6",
    );
  }
  return /^\d/.test(text) ? Number(text) : text;
}
