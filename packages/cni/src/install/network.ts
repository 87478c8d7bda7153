import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { OcicatError } from "@ocicat/kit";
import { PLUGIN_NAMES } from "../environment.ts";
import { temporaryBeside } from "./place.ts";

export interface NetworkOptions {
  /** Where runtimes look for networks, e.g. /etc/cni/net.d. Made if it is not there. */
  readonly targetDir: string;
  /** The file's name there; runtimes take the first one in order of names. */
  readonly fileName: string;
  /** The network as JSON, with words such as __CNI_MTU__ that stand for what is known on the node only. */
  readonly template: string;
  readonly words: NetworkWords;
}

export interface NetworkWords {
  readonly nodeName: string;
  /** 0: the agent finds out. */
  readonly mtu: number;
}

export interface NetworkReport {
  readonly path: string;
  readonly change: "installed" | "replaced" | "unchanged";
}

/**
 * What Calico's templates leave open. A kubeconfig is named and not made: this plugin has no credentials, the agent has.
 */
function valuesOf({ nodeName, mtu }: NetworkWords): Readonly<Record<string, string>> {
  return {
    __KUBERNETES_NODE_NAME__: nodeName,
    __CNI_MTU__: `${mtu}`,
    __LOG_LEVEL__: "info",
    __KUBECONFIG_FILENAME__: "",
    __KUBECONFIG_FILEPATH__: "",
  };
}

/**
 * Writes the network's configuration, whole or not at all: with it a kubelet says that its node is ready. Throws
 * OcicatError CNI_INSTALL_NETWORK on one that no runtime would take, and leaves what is there.
 */
export async function installNetwork(options: NetworkOptions): Promise<NetworkReport> {
  const { targetDir, fileName } = options;
  if (fileName !== basename(fileName) || !/\.(conf|conflist)$/.test(fileName)) {
    throw refuse("CNI_CONF_NAME", `"${fileName}" is not a file name that ends in .conflist or .conf`, undefined);
  }
  const text = renderNetwork(options.template, options.words);
  const path = join(targetDir, fileName);
  await mkdir(targetDir, { recursive: true });
  const present = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (present === text) return { path, change: "unchanged" };
  const temporary = temporaryBeside(targetDir);
  try {
    await writeFile(temporary, text, { mode: 0o644 });
    await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
  return { path, change: present === undefined ? "installed" : "replaced" };
}

/** The template with its words filled in, as JSON. Throws OcicatError CNI_INSTALL_NETWORK. */
export function renderNetwork(template: string, words: NetworkWords): string {
  const filled = Object.entries(valuesOf(words)).reduce(
    (text, [word, value]) => text.replaceAll(word, value),
    template,
  );
  const open = /__[A-Z_]+__/.exec(filled)?.[0];
  if (open !== undefined)
    throw refuse("CNI_NETWORK_CONFIG", `${open} stands for nothing that is known here`, undefined);
  const network = parse(filled);
  const types = pluginTypes(network);
  if (!types.some((type) => PLUGIN_NAMES.some((name) => name === type))) {
    const what = `none of its plugins is ours: ${types.join(", ") || "it has none"}`;
    throw refuse("CNI_NETWORK_CONFIG", what, `give one of them the type ${PLUGIN_NAMES.join(" or ")}`);
  }
  return `${JSON.stringify(network, undefined, 2)}\n`;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw refuse("CNI_NETWORK_CONFIG", `is not JSON: ${String(cause)}`, "mend it, and start again");
  }
}

/** Of a list of plugins, or of one by itself. */
function pluginTypes(network: unknown): readonly string[] {
  const plugins = isObject(network) && Array.isArray(network.plugins) ? network.plugins : [network];
  return plugins.flatMap((plugin: unknown) =>
    isObject(plugin) && typeof plugin.type === "string" ? [plugin.type] : [],
  );
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function refuse(variable: string, what: string, fix: string | undefined): OcicatError {
  return new OcicatError({ code: "CNI_INSTALL_NETWORK", where: `environment variable ${variable}`, what, fix });
}
