import { existsSync, readdirSync, readFileSync } from "node:fs";
import { release } from "node:os";
import { join } from "node:path";
import { type CniFile, type HostFacts, settingsOf } from "@ocicat/doctor";
import type { Kernel } from "@ocicat/linux";
import { isOurTable, readTableHeads, tableKey } from "@ocicat/nftables";
import { listenersOn } from "./listeners.ts";

const MAIN_TABLE = 254;

/** Where a node keeps what is looked at; another place in tests. */
export interface HostPlaces {
  readonly cniDirectory: string;
  readonly proc: string;
  readonly modules: string;
}

export const HOST_PLACES: HostPlaces = {
  cniDirectory: "/etc/cni/net.d",
  proc: "/proc",
  modules: "/lib/modules",
};

export interface HostOptions {
  /** FelixConfiguration's interfacePrefix. */
  readonly interfacePrefix: string;
  readonly bgpPort: number;
  /** Pods by their interface on this side, as far as they are known. */
  readonly pods: ReadonlyMap<string, string>;
}

/** What this node's kernel and files say. Throws KernelError. */
export function readHost(kernel: Kernel, options: HostOptions, places: HostPlaces = HOST_PLACES): HostFacts {
  const links = kernel
    .links()
    .map((link) => (link.kind === "vxlan" ? { ...link, txChecksum: kernel.txChecksumOffload(link.name) } : link));
  return {
    release: release(),
    links,
    addresses: kernel.addresses(),
    routes: [...kernel.routes(4, MAIN_TABLE), ...kernel.routes(6, MAIN_TABLE)],
    settings: new Map(
      settingsOf(links.filter(({ loopback }) => !loopback).map(({ name }) => name)).flatMap((path) => {
        const value = kernel.readSysctl(path);
        return value === undefined ? [] : [[path, value]];
      }),
    ),
    pods: options.pods,
    interfacePrefixes: options.interfacePrefix.split(",").map((prefix) => prefix.trim()),
    neighbours: kernel.neighbours().length,
    connections: connectionsOf(kernel),
    listeners: listenersOn(options.bgpPort, places.proc),
    cniFiles: cniFilesIn(places.cniDirectory),
    ourTables: readTableHeads((request) => kernel.nftQuery(request))
      .filter(isOurTable)
      .map((table) => ({ name: tableKey(table), owned: table.owned && !table.orphaned })),
    ipip: links.some(({ kind, name }) => kind === "ipip" || name === "tunl0") ? "loaded" : ipipModule(places),
  };
}

function connectionsOf(kernel: Kernel): HostFacts["connections"] {
  const count = kernel.readSysctl("net/netfilter/nf_conntrack_count");
  const max = kernel.readSysctl("net/netfilter/nf_conntrack_max");
  return count === undefined || max === undefined ? undefined : { count: Number(count), max: Number(max) };
}

/** A module that is part of the kernel, or has been loaded, makes `tunl0` when it is needed. */
function ipipModule({ proc, modules }: HostPlaces): HostFacts["ipip"] {
  const has = (file: string, text: RegExp) => existsSync(file) && text.test(readFileSync(file, "utf8"));
  if (has(join(proc, "modules"), /^ipip /m)) return "loaded";
  const directory = join(modules, release());
  if (has(join(directory, "modules.builtin"), /\/ipip\.ko$/m)) return "loaded";
  return has(join(directory, "modules.dep"), /\/ipip\.ko/m) ? "loadable" : "absent";
}

/** The first is the one that the runtime takes. */
function cniFilesIn(directory: string): readonly CniFile[] {
  if (!existsSync(directory)) return [];
  const names = readdirSync(directory, { withFileTypes: true })
    .filter((entry) => entry.isFile() && /\.(conflist|conf|json)$/.test(entry.name))
    .map((entry) => entry.name);
  return names.sort().map((name) => cniFile(join(directory, name)));
}

function cniFile(file: string): CniFile {
  try {
    const value: unknown = JSON.parse(readFileSync(file, "utf8"));
    const plugins = field(value, "plugins");
    const list: readonly unknown[] = Array.isArray(plugins) ? plugins : [value];
    return { file, name: textIn(value, "name"), plugins: list.map((plugin) => textIn(plugin, "type")) };
  } catch {
    return { file, name: "", plugins: [] };
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null
    ? new Map<string, unknown>(Object.entries(value)).get(name)
    : undefined;
}

function textIn(value: unknown, name: string): string {
  const text = field(value, name);
  return typeof text === "string" ? text : "";
}
