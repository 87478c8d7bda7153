import { IPAM_CONFIG_KEY } from "@ocicat/api";
import type { AgentStatus, StatusRequest } from "@ocicat/cni";
import type { Datastore } from "@ocicat/datastore";
import { choosePools, type IpamSettings } from "@ocicat/ipam";
import { isOcicatError } from "@ocicat/kit";
import { wantsOf } from "./wants.ts";

export interface StatusContext {
  readonly store: Datastore;
  readonly settings: () => IpamSettings;
  /** What the kernel refused of the guard; undefined: nothing. */
  readonly guardFailure: () => string | undefined;
}

/** What an ADD by this configuration would meet: a guard that does not stand, no pool, a datastore that does not answer. */
export async function statusFor(context: StatusContext, request: StatusRequest): Promise<AgentStatus> {
  const failure = context.guardFailure();
  if (failure !== undefined) {
    // What the guard does not know gets no traffic: pods that are there may be cut off, too.
    return { ready: false, limited: true, why: `the kernel refuses the rules: ${failure}` };
  }
  return noPool(context, request) ?? (await noDatastore(context)) ?? { ready: true };
}

function noPool({ settings }: StatusContext, { options }: StatusRequest): AgentStatus | undefined {
  // An address that is asked for by value comes from whatever pool holds it.
  if (options.addresses.length > 0) return undefined;
  const { pools } = settings();
  try {
    for (const { family, pools: requested } of wantsOf(options)) {
      choosePools(pools, { family, use: "Workload", requested });
    }
    return undefined;
  } catch (error) {
    if (!isOcicatError(error)) throw error;
    return {
      ready: false,
      limited: false,
      why: error.message,
      fix: "create an IPPool, or change what the existing ones allow",
    };
  }
}

/** Asked, not remembered: the connection may be there, and what is behind it hang. It waits as long as an ADD would. */
async function noDatastore({ store }: StatusContext): Promise<AgentStatus | undefined> {
  try {
    await store.get(IPAM_CONFIG_KEY);
    return undefined;
  } catch (error) {
    if (!isOcicatError(error)) throw error;
    const why = `the datastore does not answer: ${error.message}`;
    return { ready: false, limited: false, why, fix: "the agent goes on trying; see that the datastore runs" };
  }
}
