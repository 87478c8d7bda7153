import { defineKind } from "../define-kind.ts";
import type { Resource } from "../resource.ts";
import { addressOrNetwork, type Infer, list, object, optional } from "../schema/index.ts";

const spec = object({ reservedCIDRs: optional(list(addressOrNetwork()), []) });

export interface IPReservationSpec extends Infer<typeof spec> {}
/** Addresses that are never given to a workload of its own accord. */
export type IPReservation = Resource<IPReservationSpec, unknown, "IPReservation">;

export const ipReservation = defineKind<IPReservation>({
  kind: "IPReservation",
  plural: "ipreservations",
  aliases: ["ipreservation", "reservation", "reservations"],
  namespaced: false,
  spec,
  columns: [{ heading: "NAME", cell: ({ metadata }) => metadata.name }],
  wide: [
    { heading: "NAME", cell: ({ metadata }) => metadata.name },
    { heading: "CIDRS", cell: ({ spec }) => (spec.reservedCIDRs ?? []).join(",") },
  ],
});
