import { Prefix, parseAddress } from "@ocicat/net";
import { ordinalOf } from "../../block/index.ts";
import type { AddressUse } from "../../census/index.ts";
import { goTimestamp } from "../../client/timestamp.ts";
import { type Draft, judged, mendable } from "../draft.ts";
import { type Evidence, isHeld } from "./evidence.ts";

/** Whoever uses an address, and does not hold it, or not alone. `uses`: those that need an allocation. */
export function* checkUses(evidence: Evidence, address: string, uses: readonly AddressUse[]): Iterable<Draft> {
  const [use, ...others] = uses;
  if (use === undefined) return;
  if (others.length > 0) {
    const names = uses.map(({ by, as }) => `${by} (${as})`).join(" and ");
    const advice = "end all of them but the one that ipam why says holds it, and start them again";
    yield judged("IPAM_ADDRESS_TWICE", use.key, `${names} both have ${address}`, advice);
  }
  const parsed = parseAddress(address);
  // What a block says that cannot be read, nobody knows.
  const isUnknown = evidence.unreadableBlocks.longestMatch(parsed) !== undefined;
  if (isUnknown || evidence.pools.longestMatch(parsed) === undefined) return;
  // More than one only where blocks overlap.
  const blocks = [...evidence.blocks.matches(Prefix.host(parsed))].map(({ value }) => value);
  if (blocks.some(({ value: block }) => isHeld(block, ordinalOf(block, parsed)))) return;
  const code = "IPAM_ADDRESS_NOT_ALLOCATED";
  const what = `${use.by} has ${address}, which nobody holds`;
  const handle = handleOf(evidence, use);
  const [stored] = blocks;
  if (stored === undefined || blocks.length > 1 || others.length > 0 || handle === undefined) {
    yield judged(code, use.key, what, `end ${use.by} and start it again, so that it gets an address that is its own`);
    return;
  }
  const { pod, namespace = "", node } = use;
  yield mendable(code, use.key, what, {
    operation: "allocate",
    block: stored.key,
    address,
    handle,
    attributes: { ...(pod === undefined ? {} : { pod, namespace }), node, timestamp: goTimestamp(evidence.now) },
    endpoint: use.key,
    endpointRevision: use.revision,
  });
}

/** What the plugin would release it by: the handle of the endpoint's container, as it exists or would be named. */
function handleOf({ handlesOf, network }: Evidence, { as, containerId }: AddressUse): string | undefined {
  if (as !== "workload" || !containerId) return undefined;
  const known = handlesOf.get(containerId) ?? [];
  return known.length > 1 ? undefined : (known[0] ?? `${network}.${containerId}`);
}
