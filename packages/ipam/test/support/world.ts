import {
  type AllocationBlock,
  blockKey,
  DEFAULT_IPAM_CONFIG,
  decodeBlock,
  handleKey,
  type IpamConfig,
} from "@ocicat/api/ipam";
import { MemoryDatastore } from "@ocicat/datastore";
import { type Random, seededRandom, TestClock } from "@ocicat/kit";
import { formatAddress, type Prefix, parsePrefix } from "@ocicat/net";
import { expect } from "vitest";
import {
  type AssignedAddress,
  auditIpam,
  createIpam,
  type Ipam,
  type IpamPool,
  type IpamSettings,
} from "../../src/index.ts";
import { type Call, InterceptedStore, type Interceptor } from "./intercepted-store.ts";

export function pool(name: string, cidr: string, blockSize: number, changes: Partial<IpamPool> = {}): IpamPool {
  return {
    name,
    prefix: parsePrefix(cidr),
    blockSize,
    disabled: false,
    assignmentMode: "Automatic",
    allowedUses: ["Workload", "Tunnel"],
    selectsNode: true,
    ...changes,
  };
}

export interface WorldOptions {
  readonly transactions: boolean;
  readonly pools?: readonly IpamPool[];
  readonly reservations?: readonly Prefix[];
  readonly config?: Partial<IpamConfig>;
}

/** One memory store, and nodes on it. */
export class World {
  readonly store: MemoryDatastore;
  readonly clock = new TestClock();
  readonly random: Random = seededRandom(7);
  settings: IpamSettings;
  /** Every call of every node, in order. */
  readonly calls: Call[] = [];

  constructor({ transactions, pools, reservations = [], config = {} }: WorldOptions) {
    this.store = new MemoryDatastore({ transactions });
    this.settings = {
      pools: pools ?? [pool("default", "10.0.0.0/16", 26), pool("six", "fd00::/64", 122)],
      reservations,
      config: { ...DEFAULT_IPAM_CONFIG, ...config },
    };
  }

  /** A client of a node; another of the same name is that node after a restart. */
  node(name: string, intercept: Interceptor = (_call, run) => run()): Ipam {
    const store = new InterceptedStore(this.store, (call, run) => {
      this.calls.push(call);
      return intercept(call, run);
    });
    return createIpam({
      store,
      clock: this.clock,
      random: this.random,
      node: name,
      settings: () => this.settings,
    });
  }

  /** What has been called since the last time, as names. */
  takeCalls(): string[] {
    return this.calls.splice(0).map(({ name }) => name);
  }

  async block(cidr: string): Promise<AllocationBlock | undefined> {
    const row = await this.store.get(blockKey(parsePrefix(cidr)));
    return row && decodeBlock(row.key, row.value);
  }

  async handle(id: string): Promise<string | undefined> {
    return (await this.store.get(handleKey(id)))?.value;
  }

  async keys(prefix = "/"): Promise<string[]> {
    return (await this.store.list(prefix)).items.map(({ key }) => key);
  }

  async expectSound(): Promise<void> {
    expect(await auditIpam(this.store)).toEqual([]);
  }
}

/** One IPv4 address for a handle. */
export async function assignOne(ipam: Ipam, handleId: string): Promise<AssignedAddress> {
  const [address, ...more] = await ipam.autoAssign({ handleId, wants: [{ family: 4 }] });
  if (address === undefined || more.length > 0) throw new Error(`${more.length} addresses too many, or none`);
  return address;
}

export function texts(addresses: readonly AssignedAddress[]): string[] {
  return addresses.map(({ address }) => formatAddress(address));
}
