import {
  type Attachment,
  type Command,
  type PluginRole,
  parseAttachment,
  parseCommand,
  parsePlugin,
} from "../environment.ts";
import { CniCode, CniError, invalidConfig } from "../errors.ts";
import { identify } from "../identity.ts";
import { isJsonObject, type JsonObject, JsonReader } from "../json-reader.ts";
import { type Network, parseAddOptions, parseNetwork } from "../netconf.ts";
import type { KeyWithoutEffect } from "../netconf-keys.ts";
import { formatIpamResult, formatResult } from "../result.ts";
import { parseResult } from "../result-parse.ts";
import { atLeast, type CniVersion, NEWEST_VERSION, SUPPORTED_VERSIONS } from "../version.ts";
import type { AgentStatus, AttachmentRequest, CniBackend, ValidAttachment } from "./backend.ts";
import type { WireRequest } from "./wire.ts";

/** An operation that is valid as a whole and waits to be run. */
export interface Operation {
  /** Operations with the same key must not run at once; undefined: any may. */
  readonly key: string | undefined;
  /** For the log. */
  readonly about: Readonly<Record<string, unknown>>;
  readonly withoutEffect: readonly KeyWithoutEffect[];
  /** Resolves to what stdout shows; undefined: nothing. */
  readonly run: () => Promise<JsonObject | undefined>;
}

interface Context {
  readonly backend: CniBackend;
  readonly role: PluginRole;
  readonly request: WireRequest;
  readonly nodeName: string;
}

/** Commands that came with a later version of the specification: in an older configuration they do not exist. */
const SINCE: Readonly<Partial<Record<Command, CniVersion>>> = { CHECK: "0.4.0", STATUS: "1.1.0", GC: "1.1.0" };

/** Turns a request into an operation. Throws CniError on anything that is not right about it, before the backend is asked. */
export function plan(request: WireRequest, backend: CniBackend, nodeName: string): Operation {
  const command = parseCommand(request.environment);
  const { plugin, role } = parsePlugin(request.environment);
  const context: Context = { backend, role, request, nodeName };
  const operation = PLANNERS[command](context);
  return { ...operation, about: { command, plugin, ...operation.about } };
}

const PLANNERS: Readonly<Record<Command, (context: Context) => Operation>> = {
  ADD: planAdd,
  DEL: planDel,
  CHECK: planCheck,
  STATUS: planStatus,
  GC: planGc,
  VERSION: planVersion,
};

function planAdd(context: Context): Operation {
  const network = parseNetwork(context.request.stdin);
  const attachment = parseAttachment(context.request.environment, "ADD");
  const options = parseAddOptions(network, attachment.args.ip);
  const request = { ...describe(context, network, attachment), options };
  const run = async (): Promise<JsonObject> => {
    if (context.role === "network") {
      return formatResult(await context.backend.add({ ...request, netns: attachment.netns ?? "" }), network.cniVersion);
    }
    const addresses = await context.backend.ipamAdd(request);
    const given = addresses.map(({ address, block }) => ({ address, length: block.length }));
    return formatIpamResult({ addresses: given, routes: [], dns: options.dns }, network.cniVersion);
  };
  return { ...attachmentOperation(request), withoutEffect: options.withoutEffect, run };
}

function planDel(context: Context): Operation {
  const network = parseNetwork(context.request.stdin);
  const attachment = parseAttachment(context.request.environment, "DEL");
  const request = describe(context, network, attachment);
  const run = async (): Promise<undefined> => {
    if (context.role === "network") await context.backend.del({ ...request, netns: attachment.netns });
    else await context.backend.ipamDel(request);
  };
  return { ...attachmentOperation(request), run };
}

function planCheck(context: Context): Operation {
  const network = parseNetwork(context.request.stdin);
  requireVersion(network, "CHECK");
  const attachment = parseAttachment(context.request.environment, "CHECK");
  const previous = readPrevResult(network);
  const request = describe(context, network, attachment);
  const run = async (): Promise<undefined> => {
    const differences =
      context.role === "network"
        ? await context.backend.check({ ...request, netns: attachment.netns ?? "", previous })
        : await context.backend.ipamCheck(request);
    if (differences.length > 0) throw checkFailed(request, differences);
  };
  return { ...attachmentOperation(request), run };
}

function planStatus(context: Context): Operation {
  const network = parseNetwork(context.request.stdin);
  requireVersion(network, "STATUS");
  const options = parseAddOptions(network);
  const run = async (): Promise<undefined> => {
    const status = await context.backend.status({ network: network.name, options });
    if (!status.ready) throw notReady(status);
  };
  return { key: undefined, about: { network: network.name }, withoutEffect: [], run };
}

function planGc(context: Context): Operation {
  const network = parseNetwork(context.request.stdin);
  requireVersion(network, "GC");
  const valid = readValidAttachments(network);
  const { backend } = context;
  // By either name: a network plugin of somebody else's hands GC on to the IPAM plugin it has its addresses from.
  const run = async (): Promise<undefined> => {
    await backend.collect?.(network.name, valid);
  };
  const about = { network: network.name, valid: valid.length, collects: backend.collect !== undefined };
  return { key: `gc ${network.name}`, about, withoutEffect: [], run };
}

/** The thin client answers VERSION by itself; another one may ask here. */
function planVersion(): Operation {
  const answer = { cniVersion: NEWEST_VERSION, supportedVersions: SUPPORTED_VERSIONS };
  return { key: undefined, about: {}, withoutEffect: [], run: () => Promise.resolve(answer) };
}

function describe(context: Context, network: Network, attachment: Attachment): AttachmentRequest {
  const { containerId, ifname, args } = attachment;
  const endpoint = identify(context.nodeName, network.name, attachment);
  return {
    plugin: parsePlugin(context.request.environment).plugin,
    network: network.name,
    containerId,
    ifname,
    args,
    endpoint,
  };
}

function attachmentOperation(request: AttachmentRequest): Omit<Operation, "run"> {
  const { containerId, ifname, network, args } = request;
  const pod = args.pod === undefined ? {} : { pod: `${args.pod.namespace}/${args.pod.name}` };
  return {
    key: `${containerId} ${ifname}`,
    about: { network, container: containerId, interface: ifname, ...pod },
    withoutEffect: [],
  };
}

function requireVersion(network: Network, command: Command): void {
  const since = SINCE[command];
  if (since === undefined || atLeast(network.cniVersion, since)) return;
  throw new CniError(CniCode.incompatibleVersion, {
    code: "CNI_INCOMPATIBLE_VERSION",
    what: `${command} does not exist in CNI ${network.cniVersion}`,
    fix: `set cniVersion to ${since} or later`,
  });
}

function readPrevResult(network: Network) {
  const previous = network.json.prevResult ?? undefined;
  if (previous === undefined)
    throw invalidConfig("prevResult", "is missing", "CHECK needs what the ADD answered; the runtime keeps it");
  if (!isJsonObject(previous)) throw invalidConfig("prevResult", "is not an object");
  return parseResult(previous, network.cniVersion, "prevResult");
}

function readValidAttachments(network: Network): ValidAttachment[] {
  const key = "cni.dev/valid-attachments";
  const entries = new JsonReader(network.json).objects(key);
  if (entries === undefined)
    throw invalidConfig(key, "is missing", "GC without the list of what is valid would remove everything");
  return entries.map((entry) => {
    const [containerId, ifname] = [entry.string("containerID") ?? "", entry.string("ifname") ?? ""];
    if (containerId === "" || ifname === "") throw invalidConfig(entry.path, "containerID or ifname is missing");
    return { containerId, ifname };
  });
}

function checkFailed(request: AttachmentRequest, differences: readonly string[]): CniError {
  return new CniError(CniCode.checkFailed, {
    code: "CNI_CHECK_FAILED",
    where: `container ${request.containerId}, ${request.ifname}`,
    what: `not as the ADD left it: ${differences.join("; ")}`,
    fix: "make the container anew, or DEL and ADD its network",
  });
}

function notReady(status: Extract<AgentStatus, { ready: false }>): CniError {
  return new CniError(status.limited ? CniCode.limitedConnectivity : CniCode.unavailable, {
    code: status.limited ? "CNI_LIMITED_CONNECTIVITY" : "CNI_UNAVAILABLE",
    what: "the agent cannot serve an ADD",
    why: status.why,
    fix: status.fix,
    retryable: true,
  });
}
