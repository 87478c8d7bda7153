import type { AnyResource } from "@ocicat/api";
import { OcicatError } from "@ocicat/kit";
import { createNetworkNamespace, deleteNetworkNamespace } from "@ocicat/linux";
import type { Topology } from "../topology/topology.ts";
import { inNamespace } from "./links.ts";
import type { LabPlaces } from "./places.ts";

/** No part of a lab has such a name; `down` finds it like all the others. */
const TRIAL = ".trial";

/** Throws OcicatError LAB_NO_IPIP if the lab is to have a tunnel that this machine's kernel has not. */
export function checkKernel(places: LabPlaces, { byHand }: Topology, pools: readonly AnyResource[]): void {
  const pool = pools.find(({ kind, spec }) => kind === "IPPool" && wantsIpip(spec));
  if ((pool === undefined && byHand === undefined) || hasIpip(places)) return;
  throw new OcicatError({
    code: "LAB_NO_IPIP",
    where: `lab ${places.lab}`,
    what: "this machine's kernel has no IPIP",
    why: pool === undefined ? "the tunnel is one" : `pool ${pool.metadata.name} wants it`,
    fix: "run the same command with --in-uml: the lab is then in a machine of its own, with a kernel that has it",
  });
}

function wantsIpip(spec: object): boolean {
  return "ipipMode" in spec && spec.ipipMode !== undefined && spec.ipipMode !== "Never";
}

/** Asks the kernel for a tunnel, in a namespace that is gone again afterwards: it may have it as a module to load. */
export function hasIpip(places: LabPlaces): boolean {
  const path = places.netns(TRIAL);
  createNetworkNamespace(path);
  try {
    return inNamespace(places, TRIAL, (kernel) => {
      const [failure] = kernel.apply([{ op: "link.ipip", ipip: { name: "trial" } }]);
      // There is one already, by another name: of two with the same far end the kernel refuses the second.
      return failure === undefined || failure.errno === "EEXIST";
    });
  } finally {
    deleteNetworkNamespace(path);
  }
}
