import { isOcicatError } from "@ocicat/kit";
import type { Kernel, Link } from "@ocicat/linux";
import type { Family } from "@ocicat/net";
import { readAllTables } from "@ocicat/nftables";
import type { LinkSettings, PlaceState } from "@ocicat/walk";

const LOCAL_TABLE = 255;

/** What a kernel holds that decides on a packet of the family. Throws KernelError. */
export function readState(kernel: Kernel, family: Family): PlaceState {
  const links = kernel.links();
  return {
    links,
    addresses: kernel.addresses(),
    routes: [...kernel.routes(family), ...kernel.routes(family, LOCAL_TABLE)],
    rules: kernel.rules(family),
    neighbours: kernel.neighbours(),
    forwardingEntries: kernel.forwardingEntries(),
    settings: new Map(links.map((link) => [link.index, settingsOf(kernel, link, family)])),
    tables: tablesOf(kernel),
  };
}

function settingsOf(kernel: Kernel, { name }: Link, family: Family): LinkSettings {
  const read = (path: string) => Number(kernel.readSysctl(path) ?? 0);
  const v4 = (path: string) => read(`net/ipv4/conf/${path}`);
  return {
    proxyArp: Math.max(v4("all/proxy_arp"), v4(`${name}/proxy_arp`)) === 1,
    // ip-sysctl: the larger of the two is in force; 2 is the looser.
    rpFilter: Math.max(v4("all/rp_filter"), v4(`${name}/rp_filter`)),
    forwarding: family === 4 ? v4(`${name}/forwarding`) === 1 : read(`net/ipv6/conf/all/forwarding`) === 1,
  };
}

/** None, on a kernel without nf_tables. */
function tablesOf(kernel: Kernel): PlaceState["tables"] {
  try {
    return readAllTables((request) => kernel.nftQuery(request)).map(({ table }) => table);
  } catch (error) {
    if (isOcicatError(error) && NO_NFT.has(error.code)) return [];
    throw error;
  }
}

const NO_NFT: ReadonlySet<string> = new Set(["KERNEL_EPROTONOSUPPORT", "KERNEL_EOPNOTSUPP", "KERNEL_EINVAL"]);
