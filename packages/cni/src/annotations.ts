import type { QosControls } from "@ocicat/api";
import { type JsonValue, parseJson } from "@ocicat/kit";
import { type Address, type Family, type Mac, type Prefix, parseMac } from "@ocicat/net";
import { invalidConfig, unsupportedField } from "./errors.ts";
import type { JsonReader } from "./json-reader.ts";
import { type PoolSelector, parseHost, parseNetwork, parsePoolSelector } from "./pool-selector.ts";
import { parseQosAnnotations } from "./qos-annotations.ts";

/** The capability by which containerd hands over a pod's annotations. */
export const POD_ANNOTATIONS = "io.kubernetes.cri.pod-annotations";

/** What a pod says of its addresses. Undefined: it says nothing, and the network's configuration rules. */
export interface PodWishes {
  readonly ipv4Pools: readonly PoolSelector[] | undefined;
  readonly ipv6Pools: readonly PoolSelector[] | undefined;
  readonly addresses: readonly Address[];
  readonly families: readonly Family[] | undefined;
  /** Its interface's address on the link. */
  readonly mac: Mac | undefined;
  /** Addresses that shall lead to the pod besides its own. */
  readonly floating: readonly Address[];
  /** What it wants to send from besides its own addresses. Whether it may, the agent's settings say. */
  readonly allowedSources: readonly Prefix[];
  readonly qos: QosControls | undefined;
}

const PREFIX = "cni.projectcalico.org/";

/**
 * Calico's annotations about addresses, and about limits (see qos-annotations.ts); each of the former is a JSON list of strings in a string. A pod has many others, which are not
 * ours to judge. `allowsFloating`: `feature_control.floating_ips`. Throws CniError code 2 or 7.
 */
export function parseAnnotations(annotations: JsonReader | undefined, allowsFloating: boolean): PodWishes {
  const list = (name: string) => annotations && texts(annotations, `${PREFIX}${name}`);
  const at = (name: string, index: number) => `${annotations?.at(`${PREFIX}${name}`)}[${index}]`;
  const pools = (name: "ipv4pools" | "ipv6pools") =>
    list(name)?.map((text, index) => parsePoolSelector(text, name === "ipv4pools" ? 4 : 6, at(name, index)));
  const addresses = (name: string) => (list(name) ?? []).map((text, index) => parseHost(text, at(name, index)));
  if (annotations?.value(`${PREFIX}ipAddrsNoIpam`) !== undefined) {
    throw unsupportedField(
      `${PREFIX}ipAddrsNoIpam`,
      "a pod's annotation",
      "use ipAddrs, whose addresses the nodes route",
    );
  }
  const floating = addresses("floatingIPs");
  if (floating.length > 0 && !allowsFloating) {
    const fix = "set feature_control.floating_ips to true in the network's configuration, or remove the annotation";
    throw unsupportedField(`${PREFIX}floatingIPs`, "a pod's annotation", fix);
  }
  return {
    ipv4Pools: pools("ipv4pools"),
    ipv6Pools: pools("ipv6pools"),
    addresses: addresses("ipAddrs"),
    families: list("ipFamilies")?.map((text) => familyNamed(text, at("ipFamilies", 0))),
    mac: annotations && hardwareAddress(annotations),
    floating,
    allowedSources: (list("allowedSourcePrefixes") ?? []).map((text, index) =>
      parseNetwork(text, at("allowedSourcePrefixes", index)),
    ),
    qos: parseQosAnnotations(annotations),
  };
}

const FAMILIES: Readonly<Record<string, Family>> = { IPv4: 4, IPv6: 6 };

function familyNamed(text: string, where: string): Family {
  const family = FAMILIES[text];
  if (family !== undefined) return family;
  throw invalidConfig(where, `"${text}" is no family of addresses`, 'write it like ["IPv4", "IPv6"]');
}

function hardwareAddress(annotations: JsonReader): Mac | undefined {
  const name = `${PREFIX}hwAddr`;
  const text = annotations.string(name);
  if (text === undefined || text === "") return undefined;
  try {
    return parseMac(text);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw invalidConfig(annotations.at(name), `"${text}" is not a MAC address`, "write it like 02:00:00:00:00:01");
  }
}

function texts(annotations: JsonReader, name: string): readonly string[] | undefined {
  const text = annotations.string(name);
  if (text === undefined) return undefined;
  const value = tryParse(text);
  if (Array.isArray(value) && value.length > 0 && value.every((item) => typeof item === "string")) return value;
  throw invalidConfig(annotations.at(name), `${text} is not a JSON list of strings`, 'write it like ["a", "b"]');
}

function tryParse(text: string): JsonValue | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}
