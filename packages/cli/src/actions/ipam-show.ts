import { type IPPool, ippool } from "@ocicat/api";
import type { AllocationBlock } from "@ocicat/api/ipam";
import {
  borrowedAddresses,
  findHolder,
  type IpamPool,
  poolUsage,
  readBlocks,
  readIpamConfig,
  type Usage,
} from "@ocicat/ipam";
import { OcicatError } from "@ocicat/kit";
import { type Address, AddressError, compareAddresses, formatAddress, parseAddress, parsePrefix } from "@ocicat/net";
import type { IpamShowOptions } from "../commands/ipam.ts";
import { type Opened, withDatastore } from "../connect/datastore.ts";
import { formatBox } from "../output/box.ts";
import { fiveDigits, share } from "../output/quantity.ts";
import type { Surroundings } from "../surroundings.ts";

export async function showIpam(surroundings: Surroundings, options: IpamShowOptions): Promise<void> {
  const address = options.ip === undefined ? undefined : addressFrom(options.ip);
  const views = viewsOf(options, address);
  await withDatastore(surroundings, options.config, async (opened) => {
    for (const view of views) surroundings.print(await view({ ...opened, surroundings }));
  });
}

interface Sources extends Opened {
  readonly surroundings: Surroundings;
}

type View = (sources: Sources) => Promise<string>;

function viewsOf(options: IpamShowOptions, address: Address | undefined): readonly View[] {
  const { showBlocks = false, showBorrowed = false, showConfiguration = false } = options;
  const isOther = showBorrowed || showConfiguration;
  if (address !== undefined && (isOther || showBlocks)) {
    throw new OcicatError({
      code: "CLI_ARGUMENTS",
      what: "--ip and a table are asked for together",
      fix: "ask one after the other",
    });
  }
  if (address !== undefined) return [(sources) => addressView(sources, address)];
  return [
    ...(showBlocks || !isOther ? [(sources: Sources) => usageView(sources, showBlocks)] : []),
    ...(showBorrowed ? [borrowedView] : []),
    ...(showConfiguration ? [configurationView] : []),
  ];
}

async function usageView(sources: Sources, showBlocks: boolean): Promise<string> {
  const list = await sources.client.list(ippool);
  tellUnreadable(sources, list.unreadable);
  const { pools, strays } = poolUsage(list.items.map(ipamPool), await blocksIn(sources));
  const rows = pools.flatMap((pool) => [
    usageRow("IP Pool", pool),
    ...(showBlocks ? pool.blocks.map((block) => usageRow("Block", block)) : []),
  ]);
  const strayRows = strays.map((block) => usageRow("Block, no pool", block));
  return formatBox(["GROUPING", "CIDR", "IPS TOTAL", "IPS IN USE", "IPS FREE"], [...rows, ...strayRows]);
}

/** What cools down after its release counts as in use: it cannot be given away. */
function usageRow(grouping: string, { prefix, total, free }: Usage): readonly string[] {
  const [all, left] = [Number(total), Number(free)];
  return [grouping, prefix.toString(), fiveDigits(all), share(all - left, all), share(left, all)];
}

/** Usage is asked for the whole cluster, whichever nodes a pool is for. */
function ipamPool({ metadata: { name }, spec: { cidr, ...spec } }: IPPool): IpamPool {
  return { ...spec, name, prefix: parsePrefix(cidr), selectsNode: true };
}

async function borrowedView(sources: Sources): Promise<string> {
  const rows = [...borrowedAddresses(await blocksIn(sources))].map(
    ({ address, block, blockOwner, handleId, attributes }) => {
      const { node = "", pod, namespace = "", type = pod === undefined ? "" : "pod" } = attributes;
      const holder = pod === undefined ? (handleId ?? "") : `${namespace}/${pod}`;
      return [formatAddress(address), node, block.toString(), blockOwner?.name ?? "", type, holder];
    },
  );
  return formatBox(["IP", "BORROWING-NODE", "BLOCK", "BLOCK OWNER", "TYPE", "ALLOCATED-TO"], rows);
}

async function configurationView({ store }: Sources): Promise<string> {
  const config = await readIpamConfig(store);
  return formatBox(
    ["PROPERTY", "VALUE"],
    [
      ["StrictAffinity", String(config.strictAffinity)],
      ["AutoAllocateBlocks", String(config.autoAllocateBlocks)],
      ["MaxBlocksPerHost", String(config.maxBlocksPerHost)],
      ["KubeVirtVMAddressPersistence", config.kubeVirtVmAddressPersistence ?? "Enabled"],
      ["IPCooldownSeconds", String(config.ipCooldownSeconds)],
    ],
  );
}

async function addressView(sources: Sources, address: Address): Promise<string> {
  const holder = findHolder(await blocksIn(sources), address);
  const text = formatAddress(address);
  if (holder === undefined) return `${text} is not assigned\n`;
  if (holder.releasedAt !== undefined)
    return `${text} is not assigned: it rests since its release, ${holder.releasedAt}\n`;
  const names = Object.keys(holder.attributes).sort();
  const attributes = names.map((name) => `  ${name}: ${holder.attributes[name]}\n`);
  const handle = holder.handleId ?? "none";
  return `IP ${text} is in use\nHandle ID: ${handle}\nActive Owner Attributes:\n${attributes.join("")}`;
}

/** In order of address, IPv4 first. */
async function blocksIn(sources: Sources): Promise<readonly AllocationBlock[]> {
  const { blocks, unreadable } = await readBlocks(sources.store);
  tellUnreadable(
    sources,
    unreadable.map(({ key, message }) => ({ key, reason: message })),
  );
  return blocks.toSorted(
    ({ prefix: a }, { prefix: b }) => a.family - b.family || compareAddresses(a.address, b.address),
  );
}

function tellUnreadable(
  { surroundings }: Sources,
  unreadable: readonly { readonly key: string; readonly reason: string }[],
): void {
  for (const { key, reason } of unreadable) {
    surroundings.tell(`${key} is left out, for it cannot be read: ${reason}`);
    surroundings.setExitCode(1);
  }
}

function addressFrom(text: string): Address {
  try {
    return parseAddress(text);
  } catch (error) {
    if (!(error instanceof AddressError)) throw error;
    throw new OcicatError({
      code: "CLI_ARGUMENTS",
      where: "--ip",
      what: error.message,
      fix: "give one address, such as 10.244.0.1",
      cause: error,
    });
  }
}
