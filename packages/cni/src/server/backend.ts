import type { Address, Prefix } from "@ocicat/net";
import type { CniArgs } from "../args.ts";
import type { PluginName } from "../environment.ts";
import type { EndpointIdentity } from "../identity.ts";
import type { AddOptions } from "../netconf.ts";
import type { AddResult } from "../result.ts";

/** What every operation on an attachment knows. */
export interface AttachmentRequest {
  /** The name the plugin was called by. */
  readonly plugin: PluginName;
  /** The network's name. */
  readonly network: string;
  readonly containerId: string;
  /** The interface's name in the container. */
  readonly ifname: string;
  /** CNI_ARGS: the pod, and what else Kubernetes tells of it. */
  readonly args: CniArgs;
  readonly endpoint: EndpointIdentity;
}

export interface AddRequest extends AttachmentRequest {
  /** Absolute path of the container's network namespace. */
  readonly netns: string;
  readonly options: AddOptions;
}

export interface DelRequest extends AttachmentRequest {
  /** May be absent, and may name what is gone: neither is an error. */
  readonly netns: string | undefined;
}

export interface CheckRequest extends AttachmentRequest {
  readonly netns: string;
  /** What the ADD answered, as later plugins of the chain left it. */
  readonly previous: AddResult;
}

export interface IpamAddRequest extends AttachmentRequest {
  readonly options: AddOptions;
}

/** An address with the block it came from: its length is told to the calling plugin, as calico-ipam does. */
export interface IpamAddress {
  readonly address: Address;
  readonly block: Prefix;
}

/** What an ADD by this configuration would need. */
export interface StatusRequest {
  readonly network: string;
  readonly options: AddOptions;
}

export type AgentStatus =
  | { readonly ready: true }
  | {
      readonly ready: false;
      /** Also the containers that exist may be cut off (code 51); otherwise only ADD cannot be served (code 50). */
      readonly limited: boolean;
      readonly why: string;
      readonly fix?: string;
    };

/**
 * What the agent does for the plugin. Every operation may be repeated after any failure and must then come to the same end.
 * A thrown OcicatError is answered with its code; a retryable one as "try again later".
 */
export interface CniBackend {
  /** Makes the attachment, or finds it made; on failure leaves nothing behind. */
  add(request: AddRequest): Promise<AddResult>;
  /** What is gone already counts as deleted. */
  del(request: DelRequest): Promise<void>;
  /** One sentence for each thing that is not as the ADD left it; none if all is well. */
  check(request: CheckRequest): Promise<readonly string[]>;
  /** Addresses alone, for another plugin's interface. */
  ipamAdd(request: IpamAddRequest): Promise<readonly IpamAddress[]>;
  ipamDel(request: AttachmentRequest): Promise<void>;
  /** As `check`, of the allocation alone. */
  ipamCheck(request: AttachmentRequest): Promise<readonly string[]>;
  /** Whether an ADD could be served now. Cheap: runtimes ask often. */
  status(request: StatusRequest): Promise<AgentStatus>;
  /**
   * GC: removes what belongs to the network's attachments that are not in `valid`. Without it GC collects nothing. The
   * runtime has no ADD or DEL under way meanwhile, says the specification.
   */
  collect?(network: string, valid: readonly ValidAttachment[]): Promise<void>;
}

export interface ValidAttachment {
  readonly containerId: string;
  readonly ifname: string;
}
