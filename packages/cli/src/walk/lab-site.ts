import type { Lab } from "@ocicat/lab";
import type { Site, SitePlace } from "./site.ts";

const KINDS: Readonly<Record<string, SitePlace["kind"]>> = { node: "node", router: "router", host: "host", pod: "pod" };

/** Everything of a lab that has a network; segments only carry, and change nothing. */
export function labSite(lab: Lab): Site {
  const places = lab.inventory().flatMap(({ name, what, where, address }): readonly SitePlace[] => {
    const kind = KINDS[what];
    if (kind === undefined) return [];
    return [
      {
        name,
        kind,
        node: kind === "pod" ? where : undefined,
        addresses: address === "" ? [] : address.split(","),
        agentSocket: kind === "node" ? lab.agentSocket(name) : undefined,
        open: () => lab.network(name),
      },
    ];
  });
  return { places, partial: false };
}
