import type { InventoryRow, Lab } from "@ocicat/lab";
import { addressesIn, type Site, type SitePlace } from "./site.ts";

/** A namespace made by hand is a machine like another. */
const KINDS: Readonly<Record<string, SitePlace["kind"]>> = {
  node: "node",
  router: "router",
  host: "host",
  pod: "pod",
  namespace: "host",
};

/** Everything of a lab that has a network; segments only carry, and change nothing. */
export function labSite(lab: Lab): Site {
  const places = lab.inventory().flatMap((row): readonly SitePlace[] => {
    const kind = KINDS[row.what];
    return kind === undefined ? [] : [placeOf(lab, row, kind)];
  });
  return { places, partial: false };
}

/** Namespaces made by hand hang on this one, as pods on their node. */
const MIDDLE = "host";

function placeOf(lab: Lab, { name, what, where, address }: InventoryRow, kind: SitePlace["kind"]): SitePlace {
  const open = () => lab.network(name);
  const written = address === "" ? [] : address.split(",");
  return {
    name,
    kind,
    node: kind === "pod" ? where : what === "namespace" && name !== MIDDLE ? MIDDLE : undefined,
    // Others than pods have addresses besides, as a tunnel's.
    addresses: kind === "pod" ? written : [...new Set([...written, ...addressesIn(open)])],
    agentSocket: kind === "node" ? lab.agentSocket(name) : undefined,
    open,
  };
}
