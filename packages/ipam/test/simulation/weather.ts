import { DEFAULT_IPAM_CONFIG, type IpamConfig } from "@ocicat/api/ipam";
import { bitsOf, Prefix } from "@ocicat/net";
import type { IpamPool, IpamSettings } from "../../src/index.ts";
import { pool } from "../support/world.ts";
import type { Scheduler } from "./scheduler.ts";

/** Three pools in which twenty nodes run short of blocks, and one for the load balancer. */
export const LARGE_POOLS: readonly IpamPool[] = [
  pool("a", "10.0.0.0/25", 29),
  pool("b", "10.0.1.0/26", 30),
  pool("six", "fd00::/121", 125),
  pool("services", "10.9.0.0/28", 30, { allowedUses: ["LoadBalancer"] }),
];

const CONFIGS: readonly Partial<IpamConfig>[] = [
  {},
  {},
  {},
  { strictAffinity: true },
  { strictAffinity: true, maxBlocksPerHost: 2 },
  { strictAffinity: true, autoAllocateBlocks: false },
  { ipCooldownSeconds: 20 },
];

/** One change that an operator makes to what holds for all nodes. What it is, in a word, and what holds then. */
interface Change {
  readonly what: string;
  readonly settings: IpamSettings;
}

type Kind = (settings: IpamSettings, scheduler: Scheduler) => Change;

const KINDS: readonly Kind[] = [
  (settings, scheduler) => {
    const config = scheduler.pick(CONFIGS);
    return {
      what: `config ${JSON.stringify(config)}`,
      settings: { ...settings, config: { ...DEFAULT_IPAM_CONFIG, ...config } },
    };
  },
  (settings, scheduler) => {
    const { prefix } = scheduler.pick(LARGE_POOLS);
    const length = scheduler.pick([bitsOf(prefix.family), bitsOf(prefix.family) - 2, prefix.length + 2]);
    const network = Prefix.of(prefix.nth(scheduler.below(Number(prefix.size))), length);
    const reservations = scheduler.oneIn(3) ? [] : [network];
    return { what: `reserve ${reservations.join()}`, settings: { ...settings, reservations } };
  },
  (settings, scheduler) => changePool(settings, scheduler, "disable", (one) => ({ ...one, disabled: !one.disabled })),
  (settings, scheduler) =>
    changePool(settings, scheduler, "mode of", (one) => ({
      ...one,
      assignmentMode: one.assignmentMode === "Manual" ? "Automatic" : "Manual",
    })),
  (settings, scheduler) => {
    const gone = scheduler.pick(settings.pools);
    return {
      what: `delete ${gone.name}`,
      settings: { ...settings, pools: settings.pools.filter((one) => one !== gone) },
    };
  },
  (settings, scheduler) => {
    const whole = scheduler.pick(settings.pools);
    const pools = settings.pools.flatMap((one) => (one === whole ? halves(one) : [one]));
    return { what: `split ${whole.name}`, settings: { ...settings, pools } };
  },
  // Twice, so that what was taken away comes back.
  (settings) => ({ what: "pools as they were", settings: { ...settings, pools: LARGE_POOLS } }),
  (settings) => ({ what: "pools as they were", settings: { ...settings, pools: LARGE_POOLS } }),
];

export function changeSettings(settings: IpamSettings, scheduler: Scheduler): Change {
  // Without a pool nothing happens any more.
  if (settings.pools.length < 3) return { what: "pools as they were", settings: { ...settings, pools: LARGE_POOLS } };
  return scheduler.pick(KINDS)(settings, scheduler);
}

function changePool(
  settings: IpamSettings,
  scheduler: Scheduler,
  what: string,
  change: (pool: IpamPool) => IpamPool,
): Change {
  const changed = scheduler.pick(settings.pools);
  const pools = settings.pools.map((one) => (one === changed ? change(one) : one));
  return { what: `${what} ${changed.name}`, settings: { ...settings, pools } };
}

function halves(whole: IpamPool): readonly IpamPool[] {
  const length = whole.prefix.length + 1;
  if (length > whole.blockSize) return [whole];
  const middle = whole.prefix.nth(whole.prefix.size / 2n);
  return [whole.prefix.address, middle].map((address, index) => ({
    ...whole,
    name: `split-${whole.name}-${index}`,
    prefix: Prefix.of(address, length),
  }));
}
