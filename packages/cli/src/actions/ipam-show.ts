import { type IPPool, ippool, ipReservation, reservedNetworks } from "@ocicat/api";
import type { AllocationBlock } from "@ocicat/api/ipam";
import {
  allHolders,
  borrowedAddresses,
  findHolder,
  type Holder,
  type IpamPool,
  poolUsage,
  readBlocks,
  readIpamConfig,
  reservedIn,
  type Usage,
} from "@ocicat/ipam";
import { OcicatError } from "@ocicat/kit";
import { type Address, compareAddresses, formatAddress, type Prefix, parsePrefix } from "@ocicat/net";
import { type Opened, withDatastore } from "../connect/datastore.ts";
import type { IpamShowOptions } from "../options/ipam.ts";
import { formatBox } from "../output/box.ts";
import { fiveDigits, share } from "../output/quantity.ts";
import type { Surroundings } from "../surroundings.ts";
import { addressFrom } from "./ipam-address.ts";
import { tellUnreadable } from "./ipam-unreadable.ts";

export async function showIpam(surroundings: Surroundings, options: IpamShowOptions): Promise<void> {
  const address = options.ip === undefined ? undefined : addressFrom("--ip", options.ip);
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
  const { showBlocks = false, showReserved = false, showBorrowed = false, showConfiguration = false } = options;
  const isOther = showBorrowed || showConfiguration;
  const isUsage = showBlocks || showReserved;
  if (address !== undefined && (isOther || isUsage)) {
    throw new OcicatError({
      code: "CLI_ARGUMENTS",
      what: "--ip and a table are asked for together",
      fix: "ask one after the other",
    });
  }
  if (address !== undefined) return [(sources) => addressView(sources, address)];
  return [
    ...(isUsage || !isOther ? [(sources: Sources) => usageView(sources, showBlocks, showReserved)] : []),
    ...(showBorrowed ? [borrowedView] : []),
    ...(showConfiguration ? [configurationView] : []),
  ];
}

async function usageView(sources: Sources, showBlocks: boolean, showReserved: boolean): Promise<string> {
  const list = await sources.client.list(ippool);
  tellUnreadable(sources.surroundings, list.unreadable);
  const blocks = await blocksIn(sources);
  const { pools, strays } = poolUsage(list.items.map(ipamPool), blocks);
  const columns = showReserved ? withReserved(await reservations(sources), blocks) : asCalico;
  const rows = pools.flatMap((pool) => [
    ["IP Pool", ...columns.cells(pool)],
    ...(showBlocks ? pool.blocks.map((block) => ["Block", ...columns.cells(block)]) : []),
  ]);
  const strayRows = strays.map((block) => ["Block, no pool", ...columns.cells(block)]);
  return formatBox(["GROUPING", "CIDR", "IPS TOTAL", ...columns.headings], [...rows, ...strayRows]);
}

interface UsageColumns {
  readonly headings: readonly string[];
  /** From the CIDR on. */
  readonly cells: (usage: Usage) => readonly string[];
}

/** What cools down after its release counts as in use: it cannot be given away. What is reserved counts as free. */
const asCalico: UsageColumns = {
  headings: ["IPS IN USE", "IPS FREE"],
  cells({ prefix, total, free }) {
    const [all, left] = [Number(total), Number(free)];
    return [prefix.toString(), fiveDigits(all), share(all - left, all), share(left, all)];
  },
};

/** As calicoctl has it after v3.32: reserved addresses are not free; one given out before is in both columns. */
function withReserved(networks: readonly Prefix[], blocks: readonly AllocationBlock[]): UsageColumns {
  return {
    headings: ["IPS IN USE", "IPS RESERVED", "IPS FREE", "IPS COOLING"],
    cells({ prefix, total, free, cooling }) {
      const inside = blocks.filter((block) => prefix.covers(block.prefix));
      const { reserved, reservedAndFree } = reservedIn(prefix, networks, inside);
      const counts = [total - free, reserved, free - reservedAndFree, cooling];
      return [
        prefix.toString(),
        fiveDigits(Number(total)),
        ...counts.map((part) => share(Number(part), Number(total))),
      ];
    },
  };
}

async function reservations({ client, surroundings }: Sources): Promise<readonly Prefix[]> {
  const { items, unreadable } = await client.list(ipReservation);
  tellUnreadable(surroundings, unreadable);
  return items.flatMap(reservedNetworks);
}

/** Usage is asked for the whole cluster, whichever nodes a pool is for. */
function ipamPool({ metadata: { name }, spec: { cidr, ...spec } }: IPPool): IpamPool {
  return { ...spec, name, prefix: parsePrefix(cidr), selectsNode: true };
}

async function borrowedView(sources: Sources): Promise<string> {
  const blocks = await blocksIn(sources);
  const rows = [...borrowedAddresses(blocks)].map((holder) => {
    const { address, block, blockOwner, attributes } = holder;
    const [type, name] = holderName(holder);
    return [formatAddress(address), attributes.node ?? "", block.toString(), blockOwner?.name ?? "", type, name];
  });
  const unknown = [...allHolders(blocks)].filter(
    ({ attributes, releasedAt }) => attributes.node === undefined && releasedAt === undefined,
  ).length;
  const note = `\nOf ${unknown} addresses it is not known for which node they are, and so not whether they are borrowed.\n`;
  return `${formatBox(BORROWED_HEADINGS, rows)}${unknown === 0 ? "" : note}`;
}

const BORROWED_HEADINGS = ["IP", "BORROWING-NODE", "BLOCK", "BLOCK OWNER", "TYPE", "ALLOCATED-TO"];

/** What kind of thing holds it, and its name. */
function holderName({ attributes, handleId = "" }: Holder): readonly [type: string, name: string] {
  const { pod, namespace = "", type = "", "vmi-name": machine } = attributes;
  if (machine !== undefined) return ["vmi", `${namespace}/${machine}`];
  return pod === undefined ? [type, handleId] : ["pod", `${namespace}/${pod}`];
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
  const { handleId = "<none>", attributes, alternate } = holder;
  const active = attributeLines("Active Owner Attributes", attributes) || "No Active Owner attributes defined\n";
  const other = attributeLines("Alternate Owner Attributes", alternate);
  return `IP ${text} is in use\nHandle ID: ${handleId}\n${active}${other}`;
}

function attributeLines(title: string, attributes: Readonly<Record<string, string>>): string {
  const names = Object.keys(attributes).sort();
  return names.length === 0 ? "" : `${title}:\n${names.map((name) => `  ${name}: ${attributes[name]}\n`).join("")}`;
}

/** In order of address, IPv4 first. */
async function blocksIn(sources: Sources): Promise<readonly AllocationBlock[]> {
  const { blocks, unreadable } = await readBlocks(sources.store);
  tellUnreadable(
    sources.surroundings,
    unreadable.map(({ key, message }) => ({ key, reason: message })),
  );
  return blocks.toSorted(
    ({ prefix: a }, { prefix: b }) => a.family - b.family || compareAddresses(a.address, b.address),
  );
}
