import { randomBytes } from "node:crypto";
import type {
  AddRequest,
  AddResult,
  AgentStatus,
  AttachmentRequest,
  CheckRequest,
  CniBackend,
  DelRequest,
  IpamAddRequest,
  IpamAddress,
  StatusRequest,
  ValidAttachment,
} from "@ocicat/cni";
import { CniCode, CniError, podResult } from "@ocicat/cni";
import type { Logger } from "@ocicat/kit";
import type { Kernel, Link, NamespaceHandle } from "@ocicat/linux";
import { familyOf, formatAddress, formatMac, type Mac, parseMac } from "@ocicat/net";
import { type DatastoreLock, NOT_READY, WHY_LOCKED } from "../lock/index.ts";
import type { AgentEndpointRow } from "../tables/rows.ts";
import type { Endpoints } from "./endpoints.ts";
import { cutCable, dressPod, HOST_MAC, inspectHostEnd, inspectPod, layCable, openPodNamespace } from "./plumbing.ts";

/** What the plugin's backend needs of the agent around it. */
export interface BackendContext {
  readonly kernel: Kernel;
  readonly endpoints: Endpoints;
  readonly logger: Logger;
  /** MTU for a pod whose network configuration does not name one. */
  readonly defaultMtu: () => number;
  /** Makes what an endpoint needs hold in the kernel now: its guard element and its route. Throws if it cannot. */
  readonly program: (endpoint: AgentEndpointRow, link: Link) => void;
  /** Called before a link is deleted. */
  readonly linkLeaves: (link: Link) => void;
  /** While it is set, no verb that would write is served. */
  readonly lock: DatastoreLock;
  /** Why an ADD cannot be served now, or undefined. */
  readonly notReady: () => string | undefined;
  /** The same of an ADD by a certain configuration, for which the datastore is asked. */
  readonly status: (request: StatusRequest) => Promise<AgentStatus>;
  /** Gives back what the runtime does not count among the valid; returns the endpoints that are gone. */
  readonly collect: (
    network: string,
    valid: readonly ValidAttachment[],
    isBusy: (handleId: string) => boolean,
  ) => Promise<readonly AgentEndpointRow[]>;
}

/**
 * ADD in its order, and why:
 *
 *   1. ipam: one transaction claims the address, writes the handle and the endpoint     (a crash here leaves a record);
 *      in Kubernetes, the handle, the block, and then the pod
 *   2. the cable is laid meanwhile; its host end is unknown to the guard: no traffic     (fail closed)
 *   3. the pod's end gets its address and routes
 *   4. guard and route are programmed                                                     (from here packets pass)
 *   5. the answer
 *
 * A failure undoes the cable and the claim before it is reported.
 */
export function createCniBackend(context: BackendContext): CniBackend {
  const busy = new Busy();
  return {
    add: (request) => busy.during(request, () => add(context, request)),
    del: (request) => busy.during(request, () => del(context, request)),
    check: (request) => check(context, request),
    ipamAdd: (request) => busy.during(request, () => ipamAdd(context, request)),
    ipamDel: (request) => busy.during(request, () => ipamDel(context, request)),
    ipamCheck: (request) => ipamCheck(context, request),
    status: (request) => status(context, request),
    collect: (network, valid) => collect(context, network, valid, (handleId) => busy.has(handleId)),
  };
}

/** The holders whose ADD or DEL is under way. */
class Busy {
  readonly #counts = new Map<string, number>();

  has(handleId: string): boolean {
    return this.#counts.has(handleId);
  }

  async during<T>({ endpoint: { handleId } }: AttachmentRequest, work: () => Promise<T>): Promise<T> {
    this.#counts.set(handleId, (this.#counts.get(handleId) ?? 0) + 1);
    try {
      return await work();
    } finally {
      const left = (this.#counts.get(handleId) ?? 1) - 1;
      if (left === 0) this.#counts.delete(handleId);
      else this.#counts.set(handleId, left);
    }
  }
}

async function add(context: BackendContext, asked: AddRequest): Promise<AddResult> {
  refuseUnready(context);
  const request = await context.endpoints.prepare(asked);
  const { endpoint, ifname } = request;
  const mtu = request.options.mtu ?? context.defaultMtu();
  using pod = openPodNamespace(request.netns);
  const present = context.endpoints.find(endpoint, request.containerId);
  const podMac = present?.mac === undefined ? (request.options.mac ?? randomMac()) : parseMac(present.mac);
  const ipv6 = wantsIpv6(request);
  if (ipv6 && mtu < MIN_IPV6_MTU) throw tooSmall(mtu);
  const cable = { hostInterface: endpoint.hostInterface, podInterface: ifname, podMac, mtu, ipv6 };

  const whole = present === undefined ? undefined : wholeLink(context, pod, ifname, present);
  if (present !== undefined && whole !== undefined) {
    context.program(present, whole);
    return resultOf(request, present, mtu, podMac);
  }
  // The claim goes to the datastore first; the cable is laid while it is on its way.
  const claiming = context.endpoints.claim(request, podMac);
  // A rejection must have a listener before anything below can throw.
  claiming.catch(() => undefined);
  try {
    // The request leaves with the turns of the event loop (one to plan it, one to write it); the datastore then works while
    // this process lays the cable.
    await turn();
    await turn();
    const link = layCable(context.kernel, pod, cable);
    const row = await claiming;
    dressPod(pod, ifname, row.addresses);
    context.program(row, link);
    return resultOf(request, row, mtu, podMac);
  } catch (error) {
    await undo(context, request, claiming);
    throw error;
  }
}

/** RFC 8200 §5. The kernel switches IPv6 off on a link with less, and then refuses the address with no word on why. */
const MIN_IPV6_MTU = 1280;

function tooSmall(mtu: number): CniError {
  return new CniError(CniCode.invalidConfig, {
    code: "CNI_MTU",
    what: `an MTU of ${mtu} is too small for a pod with an IPv6 address`,
    why: `IPv6 needs ${MIN_IPV6_MTU}`,
    fix: "set mtu in the network configuration, or assign_ipv6 to false there",
  });
}

/** What will be claimed is not known yet when the cable is laid, but its families are. */
function wantsIpv6({ options }: AddRequest): boolean {
  if (options.addresses.length === 0) return options.families.includes(6);
  return options.addresses.some((address) => familyOf(address) === 6);
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** Leaves nothing of a failed ADD: neither the cable nor, once the claim's outcome is known, the addresses. */
async function undo(context: BackendContext, request: AddRequest, claiming: Promise<unknown>): Promise<void> {
  await claiming.catch(() => undefined);
  await cutCable(context, request.endpoint.hostInterface);
  try {
    await context.endpoints.release(request.endpoint, request.containerId);
  } catch (error) {
    // The handle names the container: the runtime's DEL, or recovery at the next start, finds it.
    context.logger.error("a failed ADD could not give its address back yet", {
      handle: request.endpoint.handleId,
      error: error instanceof Error ? error.message : String(error),
    });
  }
}

async function del(context: BackendContext, request: DelRequest): Promise<void> {
  refuseLocked(context);
  const { endpoint, containerId } = request;
  const owner = context.endpoints.owner(endpoint);
  // A new pod of the same name may have the interface by now; an old sandbox's DEL must not cut its cable.
  const cut = owner === undefined || owner === containerId;
  // Side by side: once the endpoint is released the guard lets nothing through its interface, whoever gets the address next.
  await Promise.all([
    cut ? cutCable(context, endpoint.hostInterface) : undefined,
    context.endpoints.release(endpoint, containerId),
  ]);
}

async function check(context: BackendContext, request: CheckRequest): Promise<readonly string[]> {
  const { endpoint, containerId, ifname } = request;
  const row = context.endpoints.find(endpoint, containerId);
  if (row === undefined)
    return [`there is no WorkloadEndpoint ${endpoint.namespace}/${endpoint.name} for this container`];
  const problems: string[] = [];
  const told = new Set(request.previous.addresses.map((entry) => formatAddress(entry.address)));
  for (const address of row.addresses) {
    if (!told.has(formatAddress(address)))
      problems.push(`${formatAddress(address)} is the endpoint's and not in prevResult`);
  }
  problems.push(...inspectHostEnd(context.kernel, endpoint.hostInterface, row.addresses));
  using pod = openPodNamespace(request.netns);
  problems.push(...inspectPod(pod, ifname, row.addresses));
  problems.push(...context.endpoints.unprogrammed(row));
  problems.push(...(await context.endpoints.checkAddresses(endpoint.handleId, row.addresses)));
  return problems;
}

async function ipamAdd(context: BackendContext, request: IpamAddRequest): Promise<readonly IpamAddress[]> {
  refuseUnready(context);
  return await context.endpoints.claimAddresses(request);
}

async function ipamDel(context: BackendContext, request: AttachmentRequest): Promise<void> {
  refuseLocked(context);
  await context.endpoints.releaseAddresses(request.endpoint.handleId);
}

async function ipamCheck(context: BackendContext, request: AttachmentRequest): Promise<readonly string[]> {
  const held = await context.endpoints.addressesOf(request.endpoint.handleId);
  return held.length > 0 ? [] : [`handle ${request.endpoint.handleId} holds no address`];
}

async function status(context: BackendContext, request: StatusRequest): Promise<AgentStatus> {
  const why = context.lock.locked ? `${NOT_READY}: ${WHY_LOCKED}` : context.notReady();
  return why === undefined ? await context.status(request) : { ready: false, limited: false, why };
}

/** As many DELs as there are containers that the runtime does not know: first the record, then the cable. */
async function collect(
  context: BackendContext,
  network: string,
  valid: readonly ValidAttachment[],
  isBusy: (handleId: string) => boolean,
): Promise<void> {
  refuseLocked(context);
  const gone = await context.collect(network, valid, isBusy);
  await Promise.all(gone.map(({ interfaceName }) => cutCable(context, interfaceName)));
}

/** A DEL too: what it leaves undone the runtime asks for again, and what it gave back a copy would not know of. */
function refuseLocked({ lock }: BackendContext): void {
  if (!lock.locked) return;
  const fix = "the runtime tries again by itself; unlock with: ocicat datastore migrate unlock";
  throw new CniError(CniCode.tryAgainLater, { code: "DATASTORE_LOCKED", what: NOT_READY, why: WHY_LOCKED, fix });
}

function refuseUnready(context: BackendContext): void {
  refuseLocked(context);
  const why = context.notReady();
  if (why === undefined) return;
  throw new CniError(CniCode.tryAgainLater, {
    code: "AGENT_NOT_READY",
    what: "the agent cannot serve an ADD yet",
    why,
    fix: "the runtime tries again by itself; see the agent's log if it stays so",
  });
}

/** The host end of a cable that lies as an ADD leaves it; undefined if anything is amiss. */
function wholeLink(
  context: BackendContext,
  pod: NamespaceHandle,
  ifname: string,
  row: AgentEndpointRow,
): Link | undefined {
  const link = context.kernel.link(row.interfaceName);
  return link?.up === true && inspectPod(pod, ifname, row.addresses).length === 0 ? link : undefined;
}

function resultOf(request: AddRequest, row: AgentEndpointRow, mtu: number, podMac: Mac): AddResult {
  return podResult({
    host: { name: row.interfaceName, mac: HOST_MAC },
    container: { name: request.ifname, mac: podMac, netns: request.netns },
    mtu,
    addresses: row.addresses,
  });
}

/** Locally administered, unicast (IEEE 802: bit 1 set, bit 0 clear in the first byte). */
function randomMac(): Mac {
  const bytes = randomBytes(6);
  bytes[0] = ((bytes[0] ?? 0) & 0xfc) | 0x02;
  return formatMac(bytes);
}
