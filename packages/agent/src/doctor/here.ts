import type { ResourceClient } from "@ocicat/client";
import type { Datastore } from "@ocicat/datastore";
import type { Diagnosis } from "@ocicat/doctor";
import type { Clock, Random } from "@ocicat/kit";
import { openKernel } from "@ocicat/linux";
import { examine } from "./examine.ts";

const INTERFACE_PREFIX = "cali";

export interface HereOptions {
  readonly node: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly store: Datastore;
  readonly client: ResourceClient;
  /** Why its agent is not asked. */
  readonly why: string;
}

/** What can be seen of this host without its agent. Throws KernelError. */
export async function examineHere({ node, clock, random, store, client, why }: HereOptions): Promise<Diagnosis> {
  const kernel = openKernel();
  try {
    return await examine({
      node,
      kernel,
      clock,
      random,
      store,
      client,
      interfacePrefix: () => INTERFACE_PREFIX,
      pods: () => new Map(),
      agent: () => ({ ok: false, why }),
    });
  } finally {
    kernel.close();
  }
}
