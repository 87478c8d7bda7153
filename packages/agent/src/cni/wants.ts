import type { AddOptions } from "@ocicat/cni";
import type { Want } from "@ocicat/ipam";

/** Each family asked for, from the pools named for it. */
export function wantsOf({ families, pools }: AddOptions): readonly Want[] {
  return families.map((family) => {
    const named = (family === 4 ? pools.ipv4 : pools.ipv6).map((pool) =>
      pool.by === "name" ? pool.name : pool.cidr.toString(),
    );
    return named.length === 0 ? { family } : { family, pools: named };
  });
}
