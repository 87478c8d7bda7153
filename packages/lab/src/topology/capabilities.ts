import { OcicatError } from "@ocicat/kit";

/** A port of the node that leads to one of the pod: CNI's capability portMappings. */
export interface PortMapping {
  /** 1..65535 */
  readonly hostPort: number;
  /** 1..65535 */
  readonly containerPort: number;
  readonly protocol: "tcp" | "udp";
}

/** CNI's capability bandwidth, in bits a second; undefined: no limit. */
export interface Bandwidth {
  /** Into the pod. */
  readonly ingress: number | undefined;
  /** Out of the pod. */
  readonly egress: number | undefined;
}

const PORTS = /^(\d{1,5}):(\d{1,5})(?:\/(tcp|udp))?$/;
const PORTS_FIX = "write NODEPORT:PODPORT, and /udp if it is not TCP: 8080:80, 53:5353/udp";

/** Parses `8080:80` or `53:5353/udp`. Throws OcicatError LAB_PORT. */
export function parsePortMapping(text: string): PortMapping {
  const [, host = "", container = "", protocol = "tcp"] = PORTS.exec(text) ?? [];
  if (!isPort(Number(host)) || !isPort(Number(container))) {
    throw new OcicatError({ code: "LAB_PORT", what: `"${text}" is not a pair of ports`, fix: PORTS_FIX });
  }
  return { hostPort: Number(host), containerPort: Number(container), protocol: protocol === "udp" ? "udp" : "tcp" };
}

export function formatPortMapping({ hostPort, containerPort, protocol }: PortMapping): string {
  return `${hostPort}:${containerPort}/${protocol}`;
}

export function isRate(value: unknown): value is number {
  return typeof value === "number" && Number.isInteger(value) && value > 0;
}

/**
 * `runtimeConfig` as runtimes hand it to plugins. A limit needs a burst (bits): a tenth of a second's worth, and no less
 * than 100 kbit, below which a token bucket does not let whole packets through at speed.
 */
export function capabilityArgs(ports: readonly PortMapping[], bandwidth: Bandwidth | undefined) {
  const limit = (name: "ingress" | "egress") => {
    const rate = bandwidth?.[name];
    if (rate === undefined) return {};
    return { [`${name}Rate`]: rate, [`${name}Burst`]: Math.max(100_000, Math.ceil(rate / 10)) };
  };
  return {
    ...(ports.length === 0 ? {} : { portMappings: ports.map((port) => ({ ...port })) }),
    ...(bandwidth === undefined ? {} : { bandwidth: { ...limit("ingress"), ...limit("egress") } }),
  };
}

function isPort(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= 65_535;
}
