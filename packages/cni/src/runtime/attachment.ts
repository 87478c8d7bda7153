import { OcicatError } from "@ocicat/kit";
import { type Environment, parseAttachment } from "../environment.ts";
import type { JsonObject } from "../json-reader.ts";

/** What a runtime says of one container's interface. */
export interface RuntimeAttachment {
  readonly containerId: string;
  /** The interface's name in the container, e.g. eth0. */
  readonly ifname: string;
  /** Absolute path of the network namespace. DEL may do without. */
  readonly netns?: string;
  /** CNI_ARGS. Neither keys nor values may hold `;`. */
  readonly args?: Readonly<Record<string, string>>;
  /** Values for the plugins' capabilities, e.g. `{ portMappings: [...] }`; each plugin gets those that it declares. */
  readonly capabilityArgs?: JsonObject;
  /** Labels for the container, which plugins get as `args.cni.labels` (CNI conventions). */
  readonly labels?: Readonly<Record<string, string>>;
}

/** The CNI_* variables. Throws CniError code 4 on what no plugin would take, before any plugin runs. */
export function environmentOf(
  command: "ADD" | "DEL" | "CHECK",
  attachment: RuntimeAttachment,
  directories: readonly string[],
): Readonly<Record<string, string>> {
  const variables = {
    CNI_COMMAND: command,
    CNI_CONTAINERID: attachment.containerId,
    CNI_NETNS: attachment.netns ?? "",
    CNI_IFNAME: attachment.ifname,
    CNI_ARGS: formatArgs(attachment.args ?? {}),
    CNI_PATH: directories.join(":"),
  };
  // Unknown arguments are the plugins' affair, not the runtime's.
  const checked: Environment = new Map(Object.entries({ ...variables, CNI_ARGS: "" }));
  parseAttachment(checked, command);
  return variables;
}

function formatArgs(args: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(args).map(([key, value]) => `${key}=${value}`);
  const bad = pairs.find((pair) => pair.includes(";"));
  if (bad === undefined) return pairs.join(";");
  throw new OcicatError({
    code: "CNI_ARGS_INVALID",
    where: "CNI_ARGS",
    what: `"${bad}" holds a semicolon`,
    why: "it separates the arguments",
  });
}
