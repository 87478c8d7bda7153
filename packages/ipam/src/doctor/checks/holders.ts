import { resourceKey, workloadEndpoint, workloadEndpointName } from "@ocicat/api";
import { type AllocationBlock, blockOwner, WINDOWS_RESERVED_HANDLE } from "@ocicat/api/ipam";
import { isOcicatError } from "@ocicat/kit";
import { formatAddress } from "@ocicat/net";
import { addressOf, attributeOf, isAllocated, isCooling, sequenceOf } from "../../block/index.ts";
import { type AddressUse, needsAllocation, type Stored } from "../../census/index.ts";
import { parseGoTimestamp } from "../../client/timestamp.ts";
import { type Draft, judged, mendable } from "../draft.ts";
import type { Evidence } from "./evidence.ts";

/** Whoever holds an address of the block, and does not use it, or not alone. */
export function* checkHolders(evidence: Evidence, stored: Stored<AllocationBlock>): Iterable<Draft> {
  const { value: block } = stored;
  // What a load balancer holds is known to its controller only.
  if (blockOwner(block)?.type === "virtual") return;
  for (const ordinal of block.allocations.keys()) {
    if (!isAllocated(block, ordinal) || isCooling(block, ordinal)) continue;
    const uses = evidence.census.uses.get(formatAddress(addressOf(block, ordinal))) ?? [];
    if (uses.length === 0) yield* checkUnused(stored, ordinal, evidence);
    else yield* checkHolder(stored, ordinal, uses.filter(needsAllocation));
  }
}

function* checkUnused(
  { key, value: block }: Stored<AllocationBlock>,
  ordinal: number,
  evidence: Evidence,
): Iterable<Draft> {
  const address = formatAddress(addressOf(block, ordinal));
  const { handleId, secondary = {} } = attributeOf(block, ordinal) ?? {};
  if (isNeverLeaked(handleId, secondary)) return;
  const { timestamp, node } = secondary;
  const since = timestamp === undefined ? undefined : parseGoTimestamp(timestamp);
  if (since !== undefined && since > evidence.now - evidence.graceMs) return;
  const whose = holderText(handleId, secondary);
  const isKnown = secondary.pod !== undefined || secondary.type !== undefined || isContainerHandle(handleId);
  if (!isKnown || since === undefined || evidence.isBlind) {
    const why = evidence.isBlind
      ? "some endpoints or nodes cannot be read"
      : since === undefined
        ? "it does not say since when"
        : "it does not say for what";
    const advice = `find out whether somebody uses it; if not: ocicat ipam release --ip=${address}`;
    yield judged("IPAM_ADDRESS_UNEXPLAINED", key, `${address} is held by ${whose}, nobody uses it, and ${why}`, advice);
    return;
  }
  const isGone = node !== undefined && !evidence.nodes.has(node);
  const what = `${address} is held by ${whose} since ${timestamp}, and ${isGone ? `there is no Node ${node}` : "nobody uses it"}`;
  yield mendable("IPAM_ADDRESS_LEAKED", key, what, {
    operation: "release-address",
    block: key,
    address,
    handle: handleId,
    sequence: sequenceOf(block, ordinal),
    handleRevision: handleId === undefined ? undefined : evidence.census.handles.get(handleId)?.revision,
    guards: guardsOf(handleId, secondary),
  });
}

/** What Windows keeps, what a Service has, what a virtual machine has while it is off: none has a row here that says so. */
function isNeverLeaked(handleId: string | undefined, secondary: Readonly<Record<string, string>>): boolean {
  if (handleId?.toLowerCase() === WINDOWS_RESERVED_HANDLE || handleId?.startsWith("lb-") === true) return true;
  return ["service", "vmi-name", "vmi-uid", "vm-uid"].some((name) => secondary[name] !== undefined);
}

/** `<network>.<container id>`, as the CNI plugin makes them. */
function isContainerHandle(handleId: string | undefined): boolean {
  return handleId !== undefined && /\.[0-9a-f]{64}$/.test(handleId);
}

/** The rows that would say that the holder is there: made meanwhile, they keep it from being released. */
function guardsOf(handleId: string | undefined, { pod, namespace, node, type }: Readonly<Record<string, string>>) {
  if (node === undefined) return [];
  if (type !== undefined) return [resourceKey("Node", node)];
  const containerID = /\.([0-9a-f]{64})$/.exec(handleId ?? "")?.[1];
  const identities = [
    { orchestrator: "k8s", node, endpoint: "eth0", ...(pod === undefined ? {} : { pod }) },
    { orchestrator: "cni", node, endpoint: "eth0", ...(containerID === undefined ? {} : { containerID }) },
  ];
  return identities.flatMap((identity) => {
    try {
      return workloadEndpoint.storage.key(workloadEndpointName(identity), namespace ?? "default") ?? [];
    } catch (error) {
      if (!isOcicatError(error)) throw error;
      return [];
    }
  });
}

/** Held for one pod or container, and used by another: whoever deletes the holder takes the address from its user. */
function* checkHolder(
  { key, value: block }: Stored<AllocationBlock>,
  ordinal: number,
  uses: readonly AddressUse[],
): Iterable<Draft> {
  const [use, ...others] = uses;
  const attribute = attributeOf(block, ordinal);
  if (use === undefined || others.length > 0 || attribute === undefined) return;
  const { pod, namespace } = attribute.secondary;
  const isOtherPod =
    pod !== undefined && use.pod !== undefined && (pod !== use.pod || (namespace ?? "") !== (use.namespace ?? ""));
  const isOtherContainer =
    isContainerHandle(attribute.handleId) &&
    !!use.containerId &&
    attribute.handleId?.endsWith(`.${use.containerId}`) === false;
  const { type, node } = attribute.secondary;
  const isForTunnel = type !== undefined;
  const isOtherUse = use.as === "workload" ? isForTunnel : pod !== undefined || (isForTunnel && node !== use.node);
  if (!isOtherPod && !isOtherContainer && !isOtherUse) return;
  const address = formatAddress(addressOf(block, ordinal));
  const whose = holderText(attribute.handleId, attribute.secondary);
  yield judged(
    "IPAM_HOLDER_DIFFERS",
    key,
    `${address} is held by ${whose}, and ${use.by} uses it`,
    `end ${use.by} and start it again, so that it gets an address of its own`,
  );
}

function holderText(
  handleId: string | undefined,
  { pod, namespace, type, node }: Readonly<Record<string, string>>,
): string {
  const at = node === undefined ? "" : ` on ${node}`;
  if (pod !== undefined) return `pod ${namespace ?? ""}/${pod}${at}`;
  if (type !== undefined) return `${type}${at}`;
  return handleId === undefined ? `somebody without a handle${at}` : `handle ${handleId}${at}`;
}
