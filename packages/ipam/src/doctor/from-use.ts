import { workloadEndpoint, workloadEndpointName } from "@ocicat/api";
import { type AllocationBlock, blockOwner, parseIpamKey, WINDOWS_RESERVED_HANDLE } from "@ocicat/api/ipam";
import { isOcicatError } from "@ocicat/kit";
import { formatAddress, type Prefix, parseAddress, parsePrefix } from "@ocicat/net";
import { addressOf, attributeOf, isAllocated, isCooling, isEmpty, ordinalOf, sequenceOf } from "../block/index.ts";
import { type AddressUse, type Census, needsAllocation, type Stored } from "../census/index.ts";
import { goTimestamp, parseGoTimestamp } from "../client/timestamp.ts";
import { type Draft, judged, mendable } from "./draft.ts";

export interface UseOptions {
  /** Milliseconds since 1970. */
  readonly now: number;
  /** An allocation nobody uses is leaked if it is older than this, in milliseconds. */
  readonly graceMs: number;
}

/** Where IPAM and those who use addresses contradict each other. */
export function* fromUse(census: Census, options: UseOptions): Iterable<Draft> {
  const nodes = new Set(census.nodes.map(({ value }) => value.metadata.name));
  // Who cannot be read may use anything.
  const isBlind = census.unreadable.some(({ key }) => !key.startsWith("/calico/ipam/"));
  for (const stored of census.blocks) {
    yield* checkBlockOwner(census, stored, nodes, isBlind);
    yield* checkHolders(census, stored, { ...options, nodes, isBlind });
  }
  for (const [address, uses] of census.uses) yield* checkUses(census, address, uses.filter(needsAllocation), options);
}

function* checkBlockOwner(
  census: Census,
  { key, value: block }: Stored<AllocationBlock>,
  nodes: ReadonlySet<string>,
  isBlind: boolean,
): Iterable<Draft> {
  const owner = blockOwner(block);
  const isInPool = census.pools.some(({ spec }) => parsePrefix(spec.cidr).covers(block.prefix));
  if (!isInPool && isEmpty(block) && !isBlind) {
    const mend = { operation: "delete-empty-block", block: key } as const;
    yield mendable("IPAM_BLOCK_WITHOUT_POOL", key, "it is empty, and in no pool", mend);
    return;
  }
  if (!isInPool) yield judged("IPAM_BLOCK_WITHOUT_POOL", key, "it is in no pool that can be read", ADVICE_NO_POOL);
  if (owner?.type !== "host" || nodes.has(owner.name)) return;
  const what = `it is ${owner.name}'s, and there is no such Node`;
  const endpoints = census.endpoints.filter(({ value }) => value.spec.node === owner.name).length;
  if (endpoints === 0 && !isBlind) {
    const mend = { operation: "release-affinity", node: owner.name, block: key } as const;
    yield mendable("IPAM_BLOCK_OF_DEAD_NODE", key, what, mend);
    return;
  }
  const advice = `start its agent again, or create Node ${owner.name} and delete it with ocicat delete node`;
  yield judged("IPAM_BLOCK_OF_DEAD_NODE", key, `${what}; ${endpoints} endpoints are on it`, advice);
}

const ADVICE_NO_POOL = "create a pool around it, or end what uses it; then look again";

interface Known extends UseOptions {
  readonly nodes: ReadonlySet<string>;
  readonly isBlind: boolean;
}

function* checkHolders(census: Census, stored: Stored<AllocationBlock>, known: Known): Iterable<Draft> {
  const { value: block } = stored;
  if (blockOwner(block)?.type === "virtual") return;
  for (const ordinal of block.allocations.keys()) {
    if (!isAllocated(block, ordinal) || isCooling(block, ordinal)) continue;
    const address = formatAddress(addressOf(block, ordinal));
    const uses = census.uses.get(address) ?? [];
    if (uses.length === 0) yield* checkUnused(stored, ordinal, known);
    else yield* checkHolder(stored, ordinal, uses.filter(needsAllocation));
  }
}

function* checkUnused({ key, value: block }: Stored<AllocationBlock>, ordinal: number, known: Known): Iterable<Draft> {
  const address = formatAddress(addressOf(block, ordinal));
  const { handleId, secondary = {} } = attributeOf(block, ordinal) ?? {};
  if (isNeverLeaked(handleId, secondary)) return;
  const { timestamp, node } = secondary;
  const since = timestamp === undefined ? undefined : parseGoTimestamp(timestamp);
  if (since !== undefined && since > known.now - known.graceMs) return;
  const whose = holderText(handleId, secondary);
  const isKnown = secondary.pod !== undefined || secondary.type !== undefined || isContainerHandle(handleId);
  if (!isKnown || since === undefined || known.isBlind) {
    const why = known.isBlind
      ? "some endpoints or nodes cannot be read"
      : since === undefined
        ? "it does not say since when"
        : "it does not say for what";
    const advice = `find out whether somebody uses it; if not: ocicat ipam release --ip=${address}`;
    yield judged("IPAM_ADDRESS_UNEXPLAINED", key, `${address} is held by ${whose}, nobody uses it, and ${why}`, advice);
    return;
  }
  const isGone = node !== undefined && !known.nodes.has(node);
  const what = `${address} is held by ${whose} since ${timestamp}, and ${isGone ? `there is no Node ${node}` : "nobody uses it"}`;
  yield mendable("IPAM_ADDRESS_LEAKED", key, what, {
    operation: "release-address",
    block: key,
    address,
    handle: handleId,
    sequence: sequenceOf(block, ordinal),
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
  if (type !== undefined) return [`/calico/resources/v3/projectcalico.org/nodes/${node}`];
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

function* checkUses(
  census: Census,
  address: string,
  uses: readonly AddressUse[],
  { now }: UseOptions,
): Iterable<Draft> {
  const [use, ...others] = uses;
  if (use === undefined) return;
  if (others.length > 0) {
    const names = uses.map(({ by, as }) => `${by} (${as})`).join(" and ");
    const advice = "end all of them but the one that ipam why says holds it, and start them again";
    yield judged("IPAM_ADDRESS_TWICE", use.key, `${names} both have ${address}`, advice);
  }
  const parsed = parseAddress(address);
  const isInPool = census.pools.some(({ spec }) => parsePrefix(spec.cidr).has(parsed));
  // What a block says that cannot be read, nobody knows.
  if (!isInPool || unreadableBlocks(census).some((prefix) => prefix.has(parsed))) return;
  const stored = census.blocks.find(({ value }) => value.prefix.has(parsed));
  const ordinal = stored === undefined ? 0 : ordinalOf(stored.value, parsed);
  if (stored !== undefined && isAllocated(stored.value, ordinal) && !isCooling(stored.value, ordinal)) return;
  const code = "IPAM_ADDRESS_NOT_ALLOCATED";
  const what = `${use.by} has ${address}, which nobody holds`;
  const handle = handleOf(census, use);
  if (stored === undefined || others.length > 0 || handle === undefined) {
    yield judged(code, use.key, what, `end ${use.by} and start it again, so that it gets an address that is its own`);
    return;
  }
  const { pod, namespace = "", node } = use;
  yield mendable(code, use.key, what, {
    operation: "allocate",
    block: stored.key,
    address,
    handle,
    attributes: { ...(pod === undefined ? {} : { pod, namespace }), node, timestamp: goTimestamp(now) },
    endpoint: use.key,
    endpointRevision: use.revision,
  });
}

function unreadableBlocks({ unreadable }: Census): readonly Prefix[] {
  return unreadable.flatMap(({ key }) => {
    const parsed = parseIpamKey(key);
    return parsed?.kind === "block" ? [parsed.prefix] : [];
  });
}

const DEFAULT_NETWORK = "k8s-pod-network";

/** What the plugin would release it by: the handle of the endpoint's container, as it exists or would be named. */
function handleOf({ handles }: Census, { as, containerId }: AddressUse): string | undefined {
  if (as !== "workload" || !containerId) return undefined;
  const known = [...handles.keys()].filter((id) => id.endsWith(`.${containerId}`));
  return known.length > 1 ? undefined : (known[0] ?? `${DEFAULT_NETWORK}.${containerId}`);
}
