import { type JsonValue, OcicatError, parseJson, stringifyJson } from "@ocicat/kit";
import { isJsonObject, type JsonObject } from "../json-reader.ts";
import type { CniVersion } from "../version.ts";
import type { RuntimeAttachment } from "./attachment.ts";
import type { Exec, ExecOutcome } from "./exec.ts";
import type { NetworkList, PluginConf } from "./network-list.ts";

/** A plugin said no, or did not speak. */
export class PluginError extends OcicatError {
  /** The plugin's type. */
  readonly plugin: string;
  /** CNI_COMMAND. */
  readonly command: string;
  /** The error object's code; undefined if the plugin printed none. */
  readonly cniCode: number | undefined;

  constructor(plugin: string, command: string, cniCode: number | undefined, what: string, why: string | undefined) {
    super({ code: "CNI_PLUGIN_FAILED", where: `${command} of plugin ${plugin}`, what, why, retryable: cniCode === 11 });
    this.plugin = plugin;
    this.command = command;
    this.cniCode = cniCode;
  }
}

export interface PluginCall {
  readonly exec: Exec;
  readonly path: string;
  readonly type: string;
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
}

/**
 * A plugin's own configuration out of its list ("Deriving execution configuration" in the specification): the list's name and
 * version, the previous result, and of the capabilities' values those that the plugin declares; `capabilities` itself stays out.
 * Labels go into \`args.cni\`, beside what the administrator wrote there.
 */
export function deriveConf(
  list: NetworkList,
  plugin: PluginConf,
  attachment: RuntimeAttachment,
  prevResult: JsonObject | undefined,
): string {
  const {
    capabilities: _capabilities,
    plugins: _plugins,
    cniVersions: _versions,
    disableCheck: _disable,
    ...own
  } = plugin.json;
  const values = attachment.capabilityArgs ?? {};
  const wanted = plugin.capabilities.filter((name) => Object.hasOwn(values, name));
  return stringifyJson({
    ...own,
    cniVersion: list.cniVersion,
    name: list.name,
    ...(attachment.labels === undefined ? {} : { args: withLabels(own.args, attachment.labels) }),
    ...(wanted.length === 0 ? {} : { runtimeConfig: Object.fromEntries(wanted.map((name) => [name, values[name]])) }),
    ...(prevResult === undefined ? {} : { prevResult }),
  });
}

function withLabels(args: JsonValue | undefined, labels: Readonly<Record<string, string>>): JsonObject {
  const own = isJsonObject(args) ? args : {};
  const cni = isJsonObject(own.cni) ? own.cni : {};
  return { ...own, cni: { ...cni, labels: Object.entries(labels).map(([key, value]) => ({ key, value })) } };
}

/** Runs one plugin. Resolves to the object it printed, undefined if it printed nothing. Throws PluginError. */
export async function callPlugin(call: PluginCall): Promise<JsonObject | undefined> {
  const outcome = await call.exec(call.path, { env: call.env, stdin: call.stdin });
  const command = call.env.CNI_COMMAND ?? "";
  const printed = parseObject(outcome.stdout);
  if (outcome.code !== 0) throw failure(call.type, command, outcome, printed);
  if (printed === undefined && outcome.stdout.trim() !== "") {
    throw new PluginError(call.type, command, undefined, "what it printed is not a JSON object", clip(outcome.stdout));
  }
  return printed;
}

/** VERSION: the versions that the plugin speaks. A plugin from before the command existed is one of 0.1.0. */
export async function askVersions(
  call: Omit<PluginCall, "env" | "stdin">,
  version: CniVersion,
): Promise<readonly string[]> {
  const env = {
    CNI_COMMAND: "VERSION",
    CNI_CONTAINERID: "",
    CNI_NETNS: "",
    CNI_IFNAME: "",
    CNI_ARGS: "",
    CNI_PATH: "",
  };
  const printed = await callPlugin({ ...call, env, stdin: stringifyJson({ cniVersion: version }) });
  const versions = printed?.supportedVersions ?? undefined;
  if (versions === undefined) return ["0.1.0"];
  if (Array.isArray(versions) && versions.every((item) => typeof item === "string")) return versions;
  throw new PluginError(call.type, "VERSION", undefined, "supportedVersions is not a list of strings", undefined);
}

function failure(type: string, command: string, outcome: ExecOutcome, printed: JsonObject | undefined): PluginError {
  const message = printed?.msg;
  const stderr = outcome.stderr.trim() === "" ? undefined : clip(outcome.stderr);
  if (typeof message !== "string") {
    const what =
      outcome.code === undefined
        ? "did not run to its end"
        : `failed with exit code ${outcome.code} and without an error object`;
    return new PluginError(
      type,
      command,
      undefined,
      what,
      stderr ?? (outcome.stdout.trim() === "" ? undefined : clip(outcome.stdout)),
    );
  }
  const code = printed?.code;
  const details = printed?.details;
  const why = typeof details === "string" && details !== "" ? details : stderr;
  return new PluginError(type, command, typeof code === "number" ? code : undefined, message, why);
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const json = parseJson(text);
    return isJsonObject(json) ? json : undefined;
  } catch {
    return undefined;
  }
}

function clip(text: string): string {
  const line = text.trim();
  return line.length > 500 ? `${line.slice(0, 500)}…` : line;
}
