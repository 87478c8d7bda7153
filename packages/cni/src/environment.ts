import { type CniArgs, parseCniArgs } from "./args.ts";
import { invalidEnvironment } from "./errors.ts";

export const COMMANDS = ["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"] as const;
export type Command = (typeof COMMANDS)[number];

/** The names the executable answers to. The `-ipam` ones are called by other plugins, for addresses only. */
export const PLUGIN_NAMES = ["ocicat", "ocicat-ipam", "calico", "calico-ipam"] as const;
export type PluginName = (typeof PLUGIN_NAMES)[number];
export type PluginRole = "network" | "ipam";

const ROLES: Readonly<Record<PluginName, PluginRole>> = {
  ocicat: "network",
  calico: "network",
  "ocicat-ipam": "ipam",
  "calico-ipam": "ipam",
};

/** The variables that the thin client passes on, by the names it uses on the wire. */
export type Environment = ReadonlyMap<string, string>;

/** One attachment: a container and an interface in it. */
export interface Attachment {
  readonly containerId: string;
  readonly ifname: string;
  /** Path of the network namespace; DEL may come without one. */
  readonly netns: string | undefined;
  readonly args: CniArgs;
}

// CNI specification, "Parameters": alphanumeric first, then alphanumerics, underscore, dot, hyphen.
const CONTAINER_ID = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
// The kernel's dev_valid_name(): 1 to 15 bytes, no slash, no colon, no white space; "." and ".." are refused beside.
const INTERFACE = /^[\x21-\x2e\x30-\x39\x3b-\x7e]{1,15}$/;

export function parsePlugin(environment: Environment): { readonly plugin: PluginName; readonly role: PluginRole } {
  const name = environment.get("OCICAT_PLUGIN") ?? "";
  const plugin = PLUGIN_NAMES.find((known) => known === name);
  if (plugin === undefined) {
    throw invalidEnvironment(
      "argv[0]",
      `the plugin was called as "${name}"`,
      `install it as ${PLUGIN_NAMES.join(", ")}`,
    );
  }
  return { plugin, role: ROLES[plugin] };
}

export function parseCommand(environment: Environment): Command {
  const value = environment.get("CNI_COMMAND") ?? "";
  const command = COMMANDS.find((known) => known === value);
  if (command === undefined) {
    throw invalidEnvironment(
      "CNI_COMMAND",
      `"${value}" is not a CNI command`,
      `set it to one of ${COMMANDS.join(", ")}`,
    );
  }
  return command;
}

/** CNI_CONTAINERID, CNI_IFNAME, CNI_NETNS and CNI_ARGS. Only DEL does without a namespace. Throws CniError code 4. */
export function parseAttachment(environment: Environment, command: "ADD" | "DEL" | "CHECK"): Attachment {
  const containerId = required(environment, "CNI_CONTAINERID");
  if (!CONTAINER_ID.test(containerId)) {
    throw invalidEnvironment(
      "CNI_CONTAINERID",
      `"${containerId}" is not a container id`,
      "letters, digits, _ . - after a letter or digit",
    );
  }
  const ifname = required(environment, "CNI_IFNAME");
  if (!INTERFACE.test(ifname) || ifname === "." || ifname === "..") {
    throw invalidEnvironment(
      "CNI_IFNAME",
      `"${ifname}" is not an interface name`,
      "1 to 15 characters, without / : and white space",
    );
  }
  return {
    containerId,
    ifname,
    netns: namespace(environment, command),
    args: parseCniArgs(environment.get("CNI_ARGS") ?? ""),
  };
}

function namespace(environment: Environment, command: "ADD" | "DEL" | "CHECK"): string | undefined {
  const netns = command === "DEL" ? environment.get("CNI_NETNS") || undefined : required(environment, "CNI_NETNS");
  if (netns === undefined || netns.startsWith("/")) return netns;
  throw invalidEnvironment(
    "CNI_NETNS",
    `"${netns}" is not an absolute path`,
    "the agent opens it, from another directory",
  );
}

function required(environment: Environment, variable: string): string {
  const value = environment.get(variable);
  if (value !== undefined && value !== "") return value;
  throw invalidEnvironment(variable, "is missing", "the container runtime sets it");
}
