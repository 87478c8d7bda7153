import { type Prefix, parsePrefix } from "@ocicat/net";
import { defineKind } from "../define-kind.ts";
import type { Resource } from "../resource.ts";
import { addressOrNetwork, type Infer, list, object, optional } from "../schema/index.ts";

const spec = object(
  { reservedCIDRs: optional(list(addressOrNetwork()), []) },
  { reservedCIDRs: "Addresses and ranges; they need not lie in a pool." },
);

export interface IPReservationSpec extends Infer<typeof spec> {}
/** Addresses that are never given to a workload of its own accord. */
export type IPReservation = Resource<IPReservationSpec, unknown, "IPReservation">;

/** What it reserves: a bare address is a network of its own, and bits beyond a network's length mean nothing. */
export function reservedNetworks({ spec }: IPReservation): readonly Prefix[] {
  return (spec.reservedCIDRs ?? []).map((text) => parsePrefix(text, { hostBits: "clear" }));
}

export const ipReservation = defineKind<IPReservation>({
  kind: "IPReservation",
  description: "Addresses that no workload is given, unless it asks for one by name.",
  plural: "ipreservations",
  aliases: ["ipreservation", "reservation", "reservations"],
  namespaced: false,
  spec,
  example: { name: "printers", spec: { reservedCIDRs: ["10.244.7.0/28", "10.244.9.1"] } },
  columns: [{ heading: "NAME", cell: ({ metadata }) => metadata.name }],
  wide: [
    { heading: "NAME", cell: ({ metadata }) => metadata.name },
    { heading: "CIDRS", cell: ({ spec }) => (spec.reservedCIDRs ?? []).join(",") },
  ],
});
