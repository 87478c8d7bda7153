import { createHash } from "node:crypto";
import type { Bandwidth } from "@ocicat/enforcement";
import type { IngressFilter, KernelOperation, Link, Qdisc, TokenBucket } from "@ocicat/linux/kernel";

/** The major number of our token buckets: what tells them from others'. */
export const QOS_MAJOR = 0xca11;
/** Of our filters. Before those of others that are made without one, behind those with priority 1. */
export const QOS_PRIORITY = 0xca1;

/** What waits longer than this is dropped, milliseconds. */
const LATENCY_MS = 25;
const ETHERNET_HEADER = 14;
const U32_MAX = 2 ** 32 - 1;
/** The kernel holds no bucket that takes longer to fill, seconds. */
const LONGEST_S = 274;

const IFB_PREFIX = "bwcali";
const NAME_MAX = 15;

/** What a workload's interface on the host should keep to. */
export interface WantedBandwidth {
  /** To the workload: what leaves the host by its interface. */
  readonly ingress: Bandwidth | undefined;
  /** From the workload: what comes in, led through an ifb. */
  readonly egress: Bandwidth | undefined;
}

/** What the kernel has. */
export interface SeenTraffic {
  readonly links: readonly Link[];
  readonly qdiscs: readonly Qdisc[];
  filtersOf(linkIndex: number): readonly IngressFilter[];
}

export interface BandwidthPlan {
  /** To be done in order. Redirection needs an ifb's index: where one is to be made first, what is left is for the next plan. */
  readonly operations: readonly KernelOperation[];
  /** Interfaces that cannot be limited, and why. */
  readonly problems: ReadonlyMap<string, string>;
  /** Whether another plan is needed when this one is done. */
  readonly unfinished: boolean;
}

/** The name of the ifb that leads what a workload sends: Calico's own, so that one that it has made is taken over. */
export function ifbName(interfaceName: string): string {
  const hash = createHash("sha512").update(interfaceName).digest("hex");
  return `${IFB_PREFIX}${hash}`.slice(0, NAME_MAX);
}

/**
 * What makes the kernel so, and no more. Ours are: token buckets of our major number, filters of our priority that redirect to
 * an ifb of ours, ifbs by their names. Where somebody else shapes an interface already (the CNI plugin `bandwidth`, an operator)
 * it is left as it is.
 *
 *     to the workload     cali…: root tbf
 *     from the workload   cali…: ingress, u32 → bwcali…: root tbf → on as if it had come in by cali…
 */
export function planBandwidth(wanted: ReadonlyMap<string, WantedBandwidth>, seen: SeenTraffic): BandwidthPlan {
  const operations: KernelOperation[] = [];
  const problems = new Map<string, string>();
  const byName = new Map(seen.links.map((link) => [link.name, link]));
  const roots = new Map(seen.qdiscs.filter(isRoot).map((qdisc) => [qdisc.linkIndex, qdisc]));
  const hasIngress = new Set(seen.qdiscs.filter(({ kind }) => kind === "ingress").map(({ linkIndex }) => linkIndex));
  const ifbs = new Map(seen.links.filter(isOurIfb).map((link) => [link.index, link]));
  const usedIfbs = new Set<number>();
  let unfinished = false;

  const bucketOn = (link: Link, bandwidth: Bandwidth) => {
    const root = roots.get(link.index);
    const bucket = bucketFor(bandwidth, link.mtu);
    if (root?.major === QOS_MAJOR && root.bucket !== undefined && isSameBucket(root.bucket, bucket)) return;
    operations.push({ op: "qdisc.tbf", linkIndex: link.index, major: QOS_MAJOR, bucket });
  };

  const ingress = (link: Link, bandwidth: Bandwidth | undefined) => {
    const root = roots.get(link.index);
    if (root !== undefined && root.major !== QOS_MAJOR) {
      if (bandwidth !== undefined) problems.set(link.name, `somebody else has put a ${root.kind} there`);
      return;
    }
    if (bandwidth !== undefined) bucketOn(link, bandwidth);
    else if (root !== undefined) operations.push({ op: "qdisc.delete", linkIndex: link.index, which: "root" });
  };

  const egress = (link: Link, bandwidth: Bandwidth | undefined) => {
    const { index: linkIndex, name } = link;
    const filters = hasIngress.has(linkIndex) ? seen.filtersOf(linkIndex) : [];
    const ours = filters.find(({ priority }) => priority === QOS_PRIORITY);
    if (bandwidth === undefined) {
      if (ours !== undefined) removeFilter(linkIndex, filters);
      return;
    }
    if (seen.qdiscs.some((qdisc) => qdisc.linkIndex === linkIndex && qdisc.kind === "clsact")) {
      problems.set(name, "somebody else has put a clsact there");
      return;
    }
    const another = filters.find(({ priority, to }) => priority < QOS_PRIORITY && to !== undefined);
    if (another !== undefined) {
      problems.set(name, `somebody else redirects what comes in by it, to link ${another.to}`);
      if (ours !== undefined) removeFilter(linkIndex, filters);
      return;
    }
    const ifb = byName.get(ifbName(name));
    if (ifb === undefined) {
      operations.push({ op: "link.ifb", name: ifbName(name), mtu: link.mtu });
      unfinished = true;
      return;
    }
    usedIfbs.add(ifb.index);
    // The bucket first: what is led through it is limited from the first packet on.
    bucketOn(ifb, bandwidth);
    if (ours?.to === ifb.index) return;
    if (!hasIngress.has(linkIndex)) operations.push({ op: "qdisc.ingress", linkIndex });
    if (ours !== undefined) operations.push({ op: "filter.delete", linkIndex, priority: QOS_PRIORITY });
    operations.push({ op: "filter.redirect", linkIndex, priority: QOS_PRIORITY, to: ifb.index });
  };

  const removeFilter = (linkIndex: number, filters: readonly IngressFilter[]) => {
    const isLast = filters.length === 1;
    operations.push(
      isLast
        ? { op: "qdisc.delete", linkIndex, which: "ingress" }
        : { op: "filter.delete", linkIndex, priority: QOS_PRIORITY },
    );
  };

  for (const link of seen.links) {
    if (ifbs.has(link.index)) continue;
    const want = wanted.get(link.name);
    ingress(link, want?.ingress);
    egress(link, want?.egress);
  }
  // Last: an ifb that is gone drops what is still redirected to it.
  for (const index of ifbs.keys()) if (!usedIfbs.has(index)) operations.push({ op: "link.delete", index });
  return { operations, problems, unfinished };
}

function isRoot({ root, kind }: Qdisc): boolean {
  return root && kind !== "ingress" && kind !== "clsact";
}

function isOurIfb({ kind, name }: Link): boolean {
  return kind === "ifb" && name.startsWith(IFB_PREFIX);
}

/** Room for what comes within the latency, and for a burst that comes at once. A packet must fit into what is emptied at once. */
function bucketFor({ rate, burst, peak }: Bandwidth, mtu: number): TokenBucket {
  const packet = mtu + ETHERNET_HEADER;
  const size = Math.max(packet, burst);
  const held = Math.min(size, Math.floor(rate * LONGEST_S), U32_MAX);
  return {
    rate,
    burst: held,
    limit: Math.min(U32_MAX, held + Math.ceil((rate * LATENCY_MS) / 1000)),
    peak: peak && { rate: peak.rate, burst: Math.min(Math.max(packet, peak.burst), peak.rate * LONGEST_S, U32_MAX) },
  };
}

/** The kernel holds sizes as times: what is read back may be off by what the rate brings in a tick or two. */
function isSameBucket(a: TokenBucket, b: TokenBucket): boolean {
  const near = (x: number, y: number, rate: number) => Math.abs(x - y) <= 1 + rate * 128e-9;
  const samePeak =
    a.peak === undefined || b.peak === undefined
      ? a.peak === b.peak
      : a.peak.rate === b.peak.rate && near(a.peak.burst, b.peak.burst, a.peak.rate);
  return a.rate === b.rate && a.limit === b.limit && near(a.burst, b.burst, a.rate) && samePeak;
}
