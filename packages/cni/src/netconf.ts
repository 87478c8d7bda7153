import { checkLabelKey, checkLabelValue, type QosControls } from "@ocicat/api";
import { type JsonValue, parseJson } from "@ocicat/kit";
import { type Address, type Family, familyOf, formatAddress, type Mac, type Prefix } from "@ocicat/net";
import { POD_ANNOTATIONS, type PodWishes, parseAnnotations } from "./annotations.ts";
import { CniCode, CniError, invalidConfig, unsupportedField } from "./errors.ts";
import { isJsonObject, type JsonObject, JsonReader } from "./json-reader.ts";
import { explainKeys, type KeyWithoutEffect } from "./netconf-keys.ts";
import { type PoolSelector, parseHost, parsePoolSelector } from "./pool-selector.ts";
import type { Dns } from "./result.ts";
import { readDns } from "./result-parse.ts";
import { type CniVersion, DEFAULT_VERSION, isSupportedVersion, SUPPORTED_VERSIONS } from "./version.ts";

/** What every command needs of a network configuration. */
export interface Network {
  readonly cniVersion: CniVersion;
  /** The network's name: the first part of IPAM handles. */
  readonly name: string;
  /** The plugin's type as the configuration has it. */
  readonly type: string;
  readonly json: JsonObject;
}

/** What ADD needs beside. */
export interface AddOptions {
  /** The interfaces' MTU in bytes; undefined: the agent decides. */
  readonly mtu: number | undefined;
  /** Families to give an address of when none is asked for by value; Calico's default is IPv4 alone. */
  readonly families: readonly Family[];
  /** Pools to take from, the pod's own wish before the network's; empty: any that node and namespace may use. */
  readonly pools: { readonly ipv4: readonly PoolSelector[]; readonly ipv6: readonly PoolSelector[] };
  /** If not empty, exactly these are wanted, and nothing is assigned automatically. At most one a family. */
  readonly addresses: readonly Address[];
  /** The pod's interface's address on the link; undefined: any. */
  readonly mac: Mac | undefined;
  /** Addresses that shall lead to the pod besides its own; stored with its endpoint. */
  readonly floating: readonly Address[];
  /** What the pod wants to send from besides its own addresses; stored with its endpoint. */
  readonly allowedSources: readonly Prefix[];
  /** What the pod is limited to; stored with its endpoint. */
  readonly qos: QosControls | undefined;
  /** Labels for the pod's endpoint, which policies select by: `args.cni.labels` (CNI conventions). */
  readonly labels: Readonly<Record<string, string>>;
  /**
   * Whether the network's profile is made where it is not there. Not where `policy.type` names somebody else who sees to it;
   * `k8s` names nobody here: this agent asks no Kubernetes for profiles of namespaces.
   */
  readonly makesProfile: boolean;
  /** `feature_control.floating_ips`. */
  readonly allowsFloating: boolean;
  /** `container_settings.allow_ip_forwarding`: whether the container may forward. */
  readonly allowIpForwarding: boolean;
  /** `dns`, handed through to the result. */
  readonly dns: Dns;
  /** For the operator: keys present in the configuration that change nothing. */
  readonly withoutEffect: readonly KeyWithoutEffect[];
}

// CNI specification, "Configuration format".
const NETWORK_NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
const OWN_IPAM = ["ocicat-ipam", "calico-ipam"];
/** The smallest MTU an IPv4 link may have (RFC 791 section 3.2), and the largest the kernel takes for a veth. */
const MTU = { minimum: 68, maximum: 65_535 };
// Read by others than parseAddOptions: the specification's own keys, and those the runtime adds.
const SPECIFIED = ["cniVersion", "cniVersions", "name", "type", "capabilities", "prevResult"];

/** Throws CniError: code 6 if it is not a JSON object, 1 on an unknown version, 7 if name or type are missing or malformed. */
export function parseNetwork(text: string): Network {
  const json = parseObject(text);
  const reader = new JsonReader(json);
  const cniVersion = parseVersion(reader);
  const name = reader.string("name") ?? "";
  if (name === "") throw invalidConfig("name", "is missing", "give the network a name");
  if (!NETWORK_NAME.test(name))
    throw invalidConfig("name", `"${name}" is not a network name`, "letters, digits, _ . - after a letter or digit");
  const type = reader.string("type") ?? "";
  if (type === "") throw invalidConfig("type", "is missing", 'name the plugin, e.g. "type": "ocicat"');
  return { cniVersion, name, type, json };
}

/** The version to answer an error in: the configuration's own if that can be made out, else undefined. */
export function peekVersion(text: string): CniVersion | undefined {
  try {
    const version = new JsonReader(parseObject(text)).value("cniVersion") ?? DEFAULT_VERSION;
    return isSupportedVersion(version) ? version : undefined;
  } catch {
    return undefined;
  }
}

/** `requested`: an address asked for outside of the configuration, in CNI_ARGS. Throws CniError code 2 or 7. */
export function parseAddOptions(network: Network, requested?: Address): AddOptions {
  const reader = new JsonReader(network.json);
  for (const key of SPECIFIED) reader.value(key);
  refusePrevResult(network);
  const mtu = parseMtu(reader);
  const ipam = reader.object("ipam") ?? new JsonReader({}, "ipam");
  refuseOtherIpam(ipam);
  refuseOtherDevices(reader);
  const families = parseFamilies(ipam);
  const network4 = parsePools(ipam, "ipv4_pools", 4);
  const network6 = parsePools(ipam, "ipv6_pools", 6);
  const args = reader.object("args");
  const cniArgs = args?.object("cni");
  const runtimeConfig = reader.object("runtimeConfig");
  const features = reader.object("feature_control");
  const allowsFloating = features?.boolean("floating_ips") ?? false;
  const wishes = parseAnnotations(runtimeConfig?.object(POD_ANNOTATIONS), allowsFloating);
  const addresses = oneOfAFamily([
    ...(requested === undefined ? [] : [requested]),
    ...parseAddresses(runtimeConfig),
    ...parseAddresses(cniArgs),
  ]);
  const container = reader.object("container_settings");
  const policy = reader.object("policy");
  const makesProfile = ["", "k8s"].includes(policy?.string("type") ?? "");
  const allowIpForwarding = container?.boolean("allow_ip_forwarding") ?? false;
  const dns = readDns(reader.object("dns"));
  const labels = parseLabels(cniArgs);
  const withoutEffect = explainKeys(
    [reader, ipam, args, cniArgs, runtimeConfig, features, policy, container].flatMap(leftOver),
  );
  const asked = {
    mtu,
    families,
    pools: { ipv4: network4, ipv6: network6 },
    addresses,
    mac: undefined,
    floating: [],
    allowedSources: [],
    qos: undefined,
    labels,
    makesProfile,
    allowsFloating,
    allowIpForwarding,
    dns,
    withoutEffect,
  };
  return withWishes(asked, wishes);
}

/**
 * The same with what a pod's annotations say, and its namespace's of pools, each over the network's: for who reads them where
 * the runtime does not hand them over. Throws CniError code 2 or 7.
 */
export function withAnnotations(
  options: AddOptions,
  pod: Readonly<Record<string, string>>,
  namespace: Readonly<Record<string, string>>,
): AddOptions {
  const read = (annotations: Readonly<Record<string, string>>, what: string) =>
    parseAnnotations(new JsonReader(annotations, "metadata.annotations", what), options.allowsFloating);
  const ofPools = Object.entries(namespace).filter(([name]) => NAMESPACE_ANNOTATIONS.has(name));
  const { ipv4Pools, ipv6Pools } = read(Object.fromEntries(ofPools), "namespace");
  const { ipv4, ipv6 } = options.pools;
  const ofNamespace = { ...options, pools: { ipv4: ipv4Pools ?? ipv4, ipv6: ipv6Pools ?? ipv6 } };
  return withWishes(ofNamespace, read(pod, "pod"));
}

/** All that a namespace says for its pods. */
const NAMESPACE_ANNOTATIONS: ReadonlySet<string> = new Set(
  ["ipv4pools", "ipv6pools"].map((name) => `cni.projectcalico.org/${name}`),
);

function withWishes(options: AddOptions, wishes: PodWishes): AddOptions {
  return {
    ...options,
    families: wishes.families ?? options.families,
    pools: { ipv4: wishes.ipv4Pools ?? options.pools.ipv4, ipv6: wishes.ipv6Pools ?? options.pools.ipv6 },
    addresses: oneOfAFamily([...options.addresses, ...wishes.addresses]),
    mac: wishes.mac ?? options.mac,
    floating: wishes.floating.length > 0 ? wishes.floating : options.floating,
    allowedSources: wishes.allowedSources.length > 0 ? wishes.allowedSources : options.allowedSources,
    qos: wishes.qos ?? options.qos,
  };
}

function parseObject(text: string): JsonObject {
  const fix = "hand the network configuration over on standard input";
  let json: JsonValue;
  try {
    json = parseJson(text);
  } catch (error) {
    const what = text.trim() === "" ? "the network configuration is empty" : "the network configuration is not JSON";
    throw new CniError(CniCode.decodeFailure, { code: "CNI_DECODE_FAILURE", what, fix, cause: error });
  }
  if (isJsonObject(json)) return json;
  throw new CniError(CniCode.decodeFailure, {
    code: "CNI_DECODE_FAILURE",
    what: "the network configuration is not a JSON object",
    fix,
  });
}

function parseVersion(reader: JsonReader): CniVersion {
  const version = reader.string("cniVersion") ?? "";
  if (version === "") return DEFAULT_VERSION;
  if (isSupportedVersion(version)) return version;
  throw new CniError(CniCode.incompatibleVersion, {
    code: "CNI_INCOMPATIBLE_VERSION",
    what: `the network configuration asks for CNI ${version}`,
    why: `the plugin speaks ${SUPPORTED_VERSIONS.join(", ")}`,
    fix: "set cniVersion to one of these",
  });
}

function parseMtu(reader: JsonReader): number | undefined {
  const mtu = reader.integer("mtu", 0, MTU.maximum);
  if (mtu === undefined || mtu === 0) return undefined; // Calico: 0 is "detect"
  if (mtu < MTU.minimum)
    throw invalidConfig("mtu", `${mtu} is less than ${MTU.minimum}`, "leave it out and the agent decides");
  return mtu;
}

function refusePrevResult(network: Network): void {
  if (network.json.prevResult === undefined || network.json.prevResult === null) return;
  throw invalidConfig(
    "prevResult",
    "another plugin ran before this one",
    `${network.type} makes the container's interface: put it first in plugins`,
  );
}

function refuseOtherIpam(ipam: JsonReader): void {
  const type = ipam.string("type");
  if (type !== undefined && type !== "" && !OWN_IPAM.includes(type)) {
    throw unsupportedField(
      "ipam.type",
      JSON.stringify(type),
      `use ${OWN_IPAM.join(" or ")}, whose addresses the nodes route`,
    );
  }
}

/** Calico's other devices and data planes make another kind of interface: taking a veth for one of them would be a lie. */
function refuseOtherDevices(reader: JsonReader): void {
  const device = reader.string("device_type") ?? "";
  if (device !== "" && device !== "veth") throw unsupportedField("device_type", JSON.stringify(device), 'use "veth"');
  const dataplane = reader.object("dataplane_options")?.string("type") ?? "";
  if (dataplane !== "")
    throw unsupportedField("dataplane_options.type", JSON.stringify(dataplane), "remove dataplane_options");
}

function parseFamilies(ipam: JsonReader): Family[] {
  const families: Family[] = [];
  if (ipam.looseBoolean("assign_ipv4") ?? true) families.push(4);
  if (ipam.looseBoolean("assign_ipv6") ?? false) families.push(6);
  if (families.length === 0)
    throw invalidConfig("ipam", "assign_ipv4 and assign_ipv6 are both false", "set one of them to true");
  return families;
}

function parsePools(ipam: JsonReader, key: "ipv4_pools" | "ipv6_pools", family: Family): PoolSelector[] {
  return (ipam.strings(key) ?? []).map((text, index) => parsePoolSelector(text, family, ipam.at(`${key}[${index}]`)));
}

/** `ips` of the runtime's configuration (CNI conventions). */
function parseAddresses(reader: JsonReader | undefined): Address[] {
  return (reader?.strings("ips") ?? []).map((text, index) => parseHost(text, `${reader?.at("ips")}[${index}]`));
}

/** `[{"key": "app", "value": "web"}]`; of one key that is there twice the later counts. */
function parseLabels(reader: JsonReader | undefined): Readonly<Record<string, string>> {
  const pairs = (reader?.objects("labels") ?? []).map((entry) => {
    const [key = "", value = ""] = [entry.string("key"), entry.string("value")];
    for (const [name, checked] of [["key", checkLabelKey(key)] as const, ["value", checkLabelValue(value)] as const]) {
      if (!checked.ok)
        throw entry.invalid(name, `"${name === "key" ? key : value}" ${checked.message ?? "is refused"}`);
    }
    return [key, value] as const;
  });
  return Object.fromEntries(pairs);
}

function oneOfAFamily(addresses: readonly Address[]): Address[] {
  const distinct = [...new Set(addresses)];
  for (const family of [4, 6] as const) {
    const same = distinct.filter((address) => familyOf(address) === family);
    if (same.length > 1) {
      const list = same.map(formatAddress).join(", ");
      throw invalidConfig(
        "requested addresses",
        `${list}: more than one of IPv${family}`,
        "ask for one of each family (CNI_ARGS IP, runtimeConfig.ips, args.cni.ips, the annotation ipAddrs)",
      );
    }
  }
  return distinct;
}

function leftOver(reader: JsonReader | undefined): string[] {
  return reader?.unread().map((key) => reader.at(key)) ?? [];
}
