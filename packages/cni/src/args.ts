import { type Address, AddressError, parseAddress } from "@ocicat/net";
import { invalidEnvironment } from "./errors.ts";

/** A Kubernetes pod. */
export interface PodName {
  readonly namespace: string;
  readonly name: string;
}

/** What CNI_ARGS can say: Kubernetes' names for the pod, and an address asked for. */
export interface CniArgs {
  readonly pod?: PodName;
  readonly infraContainerId?: string;
  readonly podUid?: string;
  readonly ip?: Address;
}

// Namespaces are DNS labels, pods DNS subdomains. Both become parts of datastore keys, so nothing else may pass.
const NAMESPACE = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const POD = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
const PLAIN = /^[\x21-\x7e]*$/;

interface RawArgs extends CniArgs {
  readonly podNamespace?: string;
  readonly podName?: string;
}

const FIELDS: Readonly<Record<string, (value: string) => RawArgs>> = {
  K8S_POD_NAMESPACE: (value) => ({ podNamespace: value }),
  K8S_POD_NAME: (value) => ({ podName: value }),
  K8S_POD_INFRA_CONTAINER_ID: (value) => ({
    infraContainerId: matching("K8S_POD_INFRA_CONTAINER_ID", value, PLAIN, "an id"),
  }),
  K8S_POD_UID: (value) => ({ podUid: matching("K8S_POD_UID", value, PLAIN, "an id") }),
  IP: (value) => ({ ip: address(value) }),
};

/**
 * Parses CNI_ARGS, `KEY=VALUE` pairs joined by semicolons. A key that is not known is refused unless IgnoreUnknown is true,
 * as the specification asks. An empty value is an absent one. A pod is one with namespace and name: podman sets K8S_POD_NAME
 * alone, to the name of a container. Throws CniError code 4.
 */
export function parseCniArgs(text: string): CniArgs {
  const pairs = text
    .split(";")
    .filter((pair) => pair !== "")
    .map(split);
  const ignoreUnknown = pairs.some(([key, value]) => key === "IgnoreUnknown" && boolean(value));
  let args: RawArgs = {};
  for (const [key, value] of pairs) {
    if (key === "IgnoreUnknown" || value === "") continue;
    const field = Object.hasOwn(FIELDS, key) ? FIELDS[key] : undefined;
    if (field !== undefined) args = { ...args, ...field(value) };
    else if (!ignoreUnknown) {
      throw invalidEnvironment("CNI_ARGS", `unknown argument ${key}`, "remove it, or add IgnoreUnknown=true");
    }
  }
  const { podNamespace, podName, ...rest } = args;
  if (podNamespace === undefined || podName === undefined) return rest;
  const namespace = matching("K8S_POD_NAMESPACE", podNamespace, NAMESPACE, "a namespace's name");
  return { ...rest, pod: { namespace, name: matching("K8S_POD_NAME", podName, POD, "a pod's name") } };
}

function split(pair: string): readonly [string, string] {
  const equals = pair.indexOf("=");
  if (equals > 0) return [pair.slice(0, equals), pair.slice(equals + 1)];
  throw invalidEnvironment("CNI_ARGS", `"${pair}" is not KEY=VALUE`, "write KEY=VALUE pairs joined by semicolons");
}

function boolean(value: string): boolean {
  const known: Readonly<Record<string, boolean>> = { "1": true, true: true, "0": false, false: false };
  const result = Object.hasOwn(known, value.toLowerCase()) ? known[value.toLowerCase()] : undefined;
  if (result !== undefined) return result;
  throw invalidEnvironment("CNI_ARGS", `IgnoreUnknown="${value}" is not a boolean`, "write 1, true, 0 or false");
}

function matching(key: string, value: string, pattern: RegExp, meaning: string): string {
  if (pattern.test(value)) return value;
  throw invalidEnvironment("CNI_ARGS", `${key}="${value}" is not ${meaning}`);
}

function address(value: string): Address {
  try {
    return parseAddress(value);
  } catch (error) {
    if (error instanceof AddressError) throw invalidEnvironment("CNI_ARGS", `IP: ${error.message}`);
    throw error;
  }
}
