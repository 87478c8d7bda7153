import type { AddOptions } from "@ocicat/cni";
import type { Want } from "@ocicat/ipam";

/** Each family asked for, from the pools named for it; else from those that `allows` says are for the pod's namespace. */
export function wantsOf({ families, pools }: AddOptions, allows?: Want["allows"]): readonly Want[] {
  return families.map((family) => {
    const named = (family === 4 ? pools.ipv4 : pools.ipv6).map((pool) =>
      pool.by === "name" ? pool.name : pool.cidr.toString(),
    );
    return named.length === 0 ? { family, ...(allows && { allows }) } : { family, pools: named };
  });
}
