import { parseAddress, parseMac } from "@ocicat/net";

const PREFIX = "projectcalico.org/";

/** Labels and annotations of the node that Kubernetes' node has not, as JSON each. */
export const OWN_LABELS = `${PREFIX}labels`;
export const OWN_ANNOTATIONS = `${PREFIX}annotations`;
/** In the node alone: which of its labels are Kubernetes', so that they are not written back as its own. */
export const KUBERNETES_LABELS = `${PREFIX}kube-labels`;
/** The node's interfaces with their addresses, as JSON. */
export const INTERFACES = `${PREFIX}Interfaces`;
export const AS_NUMBER = `${PREFIX}ASNumber`;

/** Whether a value can be what it is kept as; one that cannot is as if it were not there. */
type Check = (text: string) => boolean;

const address =
  (type: "number" | "bigint"): Check =>
  (text) =>
    succeeds(() => typeof parseAddress(text) === type);

/** An address with the length of its subnet, or without. */
const interfaceAddress =
  (type: "number" | "bigint"): Check =>
  (text) => {
    const [host = "", length, ...more] = text.split("/");
    const longest = type === "number" ? 32 : 128;
    return more.length === 0 && address(type)(host) && (length === undefined || isLength(length, longest));
  };

const mac: Check = (text) => succeeds(() => parseMac(text) !== undefined);
const anything: Check = () => true;

/** Fields of a node that are a text each, by section, with the annotation that keeps each. */
export const FIELDS = {
  bgp: {
    ipv4Address: [`${PREFIX}IPv4Address`, interfaceAddress("number")],
    ipv6Address: [`${PREFIX}IPv6Address`, interfaceAddress("bigint")],
    ipv4IPIPTunnelAddr: [`${PREFIX}IPv4IPIPTunnelAddr`, address("number")],
    routeReflectorClusterID: [`${PREFIX}RouteReflectorClusterID`, address("number")],
  },
  spec: {
    ipv4VXLANTunnelAddr: [`${PREFIX}IPv4VXLANTunnelAddr`, address("number")],
    vxlanTunnelMACAddr: [`${PREFIX}VXLANTunnelMACAddr`, mac],
    ipv6VXLANTunnelAddr: [`${PREFIX}IPv6VXLANTunnelAddr`, address("bigint")],
    vxlanTunnelMACAddrV6: [`${PREFIX}VXLANTunnelMACAddrV6`, mac],
  },
  wireguard: {
    interfaceIPv4Address: [`${PREFIX}IPv4WireguardInterfaceAddr`, address("number")],
    interfaceIPv6Address: [`${PREFIX}IPv6WireguardInterfaceAddr`, address("bigint")],
  },
  status: {
    wireguardPublicKey: [`${PREFIX}WireguardPublicKey`, anything],
    wireguardPublicKeyV6: [`${PREFIX}WireguardPublicKeyV6`, anything],
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, readonly [annotation: string, check: Check]>>>>;

export type Section = keyof typeof FIELDS;

/** What a section's annotations say. */
export function readSection<S extends Section>(
  section: S,
  annotations: Readonly<Record<string, string>>,
  problems: string[],
): { readonly [Field in keyof (typeof FIELDS)[S]]?: string } {
  const found: Record<string, string> = {};
  for (const [field, [annotation, check]] of Object.entries(FIELDS[section])) {
    const text = annotations[annotation];
    if (text === undefined || text === "") continue;
    if (check(text)) found[field] = text;
    else problems.push(`${annotation}: "${text}" is none`);
  }
  return found;
}

/** The annotations that say a section; null for what is not to be said. */
export function writeSection(section: Section, values: object | undefined): Readonly<Record<string, string | null>> {
  const given = new Map<string, unknown>(Object.entries(values ?? {}));
  return Object.fromEntries(
    Object.entries(FIELDS[section]).map(([field, [annotation]]) => {
      const value = given.get(field);
      return [annotation, typeof value === "string" && value !== "" ? value : null];
    }),
  );
}

function isLength(text: string, longest: number): boolean {
  return /^\d{1,3}$/.test(text) && Number(text) <= longest;
}

function succeeds(test: () => boolean): boolean {
  try {
    return test();
  } catch {
    return false;
  }
}
