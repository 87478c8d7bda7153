import { ippool } from "@ocicat/api";
import type { AllocationBlock } from "@ocicat/api/ipam";
import { attributeOf, ordinalOf } from "@ocicat/ipam";
import { OcicatError, parseJson } from "@ocicat/kit";
import { type Address, AddressError, formatAddress, parseAddress, parsePrefix } from "@ocicat/net";
import type { IpamShowOptions } from "../commands/ipam.ts";
import { type Opened, withDatastore } from "../connect/datastore.ts";
import { readBlocks } from "../ipam/blocks.ts";
import { borrowedFrom } from "../ipam/borrowed.ts";
import { readIpamConfig } from "../ipam/client.ts";
import { type Usage, usageOf } from "../ipam/usage.ts";
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
  const pools = await sources.client.list(ippool);
  tellUnreadable(sources, pools.unreadable);
  const { pools: usages, strays } = usageOf(
    pools.items.map(({ spec }) => parsePrefix(spec.cidr)),
    await blocksIn(sources),
  );
  const rows = usages.flatMap((pool) => [
    usageRow("IP Pool", pool),
    ...(showBlocks ? pool.blocks.map((block) => usageRow("Block", block)) : []),
  ]);
  const strayRows = strays.map((block) => usageRow("Block, no pool", block));
  return formatBox(["GROUPING", "CIDR", "IPS TOTAL", "IPS IN USE", "IPS FREE"], [...rows, ...strayRows]);
}

function usageRow(grouping: string, { cidr, total, inUse }: Usage): readonly string[] {
  return [grouping, cidr.toString(), fiveDigits(total), share(inUse, total), share(total - inUse, total)];
}

async function borrowedView(sources: Sources): Promise<string> {
  const rows = borrowedFrom(await blocksIn(sources)).map(({ address, borrower, block, owner, type, holder }) => {
    return [formatAddress(address), borrower, block.toString(), owner, type, holder];
  });
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
  const block = (await blocksIn(sources)).find(({ prefix }) => prefix.has(address));
  const attribute = block === undefined ? undefined : attributeOf(block, ordinalOf(block, address));
  const text = formatAddress(address);
  if (attribute === undefined) return `${text} is not assigned\n`;
  if (attribute.releasedAt !== undefined)
    return `${text} is not assigned: it rests since its release, ${attribute.releasedAt}\n`;
  const alternate = alternateOwner(attribute.json);
  return [
    `IP ${text} is in use\n`,
    `Handle ID: ${attribute.handleId ?? "none"}\n`,
    ownerLines("Active Owner Attributes", attribute.secondary),
    ...(alternate === undefined ? [] : [ownerLines("Alternate Owner Attributes", alternate)]),
  ].join("");
}

function ownerLines(title: string, attributes: Readonly<Record<string, unknown>>): string {
  const names = Object.keys(attributes).sort();
  return `${title}:\n${names.map((name) => `  ${name}: ${String(attributes[name])}\n`).join("")}`;
}

/** Who takes over at the end of a virtual machine's migration. */
function alternateOwner(json: string): Readonly<Record<string, unknown>> | undefined {
  const stored = parseJson(json);
  if (typeof stored !== "object" || stored === null || !("alternateOwnerAttrs" in stored)) return undefined;
  const { alternateOwnerAttrs: owner } = stored;
  return typeof owner === "object" && owner !== null ? Object.fromEntries(Object.entries(owner)) : undefined;
}

async function blocksIn(sources: Sources): Promise<readonly AllocationBlock[]> {
  const { blocks, unreadable } = await readBlocks(sources.store);
  tellUnreadable(sources, unreadable);
  return blocks;
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
