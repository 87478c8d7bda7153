import type { Prefix } from "@ocicat/net";
import type { PathAttributes } from "../wire/attributes/types.ts";

/** What a policy may say of a route. The reason of a refusal is shown by `explain`; `by` names the rule that let it through. */
export type Verdict =
  | { readonly accept: true; readonly attributes?: PathAttributes | undefined; readonly by?: string | undefined }
  | { readonly accept: false; readonly reason: string };

export const ACCEPT: Verdict = { accept: true };

export function reject(reason: string): Verdict {
  return { accept: false, reason };
}

/** A route as policies see it. `source` is undefined for a route of our own, with `origin` saying why it exists. */
export interface PolicyRoute {
  readonly prefix: Prefix;
  readonly attributes: PathAttributes;
  readonly source:
    | {
        readonly name: string;
        readonly as: number;
        readonly internal: boolean;
        /** The interface that it is on, where its address is link-local. */
        readonly link?: string | undefined;
      }
    | undefined;
  readonly origin: string | undefined;
}

/** The peer on the other side of the policy: only what peers with the same view share, so that they can share UPDATEs. */
export interface PolicyPeer {
  readonly internal: boolean;
  readonly localAs: number;
  readonly remoteAs: number;
}

/**
 * A pure function of its arguments. Peers given the same function object share their view; a policy that must tell two
 * peers apart is two functions. A function that changes its mind must be replaced by another (`setPeers`).
 */
export type Policy = (route: PolicyRoute, peer: PolicyPeer) => Verdict;

export const acceptAll: Policy = () => ACCEPT;
