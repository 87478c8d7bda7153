import { isObject } from "@ocicat/api";
import { formatAddress, parsePrefix } from "@ocicat/net";
import type { TestCluster } from "./cluster.ts";

/** Addresses that blocks hold for somebody, of IPv4 blocks: as the API has them, by nobody's report but their own. */
export async function addressesHeld(cluster: TestCluster): Promise<string[]> {
  return itemsOf(await cluster.get("ipamblocks.crd.projectcalico.org"))
    .flatMap(({ spec }) => {
      if (!isObject(spec) || !Array.isArray(spec["allocations"])) return [];
      const block = parsePrefix(String(spec["cidr"]));
      if (block.family !== 4) return [];
      return spec["allocations"].flatMap((attribute: unknown, ordinal) =>
        attribute === null ? [] : [formatAddress(block.nth(ordinal))],
      );
    })
    .sort();
}

/** Addresses of pods that have one of the network's, and of nodes' tunnels. */
export async function addressesUsed(cluster: TestCluster): Promise<string[]> {
  const pods = itemsOf(await cluster.get("pods", "--all-namespaces")).flatMap(({ spec, status }) => {
    if (!isObject(spec) || spec["hostNetwork"] === true || !isObject(status)) return [];
    return typeof status["podIP"] === "string" ? [status["podIP"]] : [];
  });
  const tunnels = itemsOf(await cluster.get("nodes")).flatMap(({ metadata }) => {
    const annotations = isObject(metadata) && isObject(metadata["annotations"]) ? metadata["annotations"] : {};
    return TUNNELS.flatMap((name) => (typeof annotations[name] === "string" ? [annotations[name]] : []));
  });
  return [...pods, ...tunnels].sort();
}

const TUNNELS = ["projectcalico.org/IPv4VXLANTunnelAddr", "projectcalico.org/IPv4IPIPTunnelAddr"];

function itemsOf(list: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>>[] {
  return Array.isArray(list["items"]) ? list["items"].filter(isObject) : [];
}
