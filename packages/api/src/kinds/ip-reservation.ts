import { defineKind } from "../define-kind.ts";
import type { Resource } from "../resource.ts";
import { addressOrNetwork, type Infer, list, object, optional } from "../schema/index.ts";

const spec = object({ reservedCIDRs: optional(list(addressOrNetwork())) });

export interface IPReservationSpec extends Infer<typeof spec> {}
export type IPReservation = Resource<IPReservationSpec, unknown, "IPReservation">;

export const ipReservation = defineKind<IPReservation>({
  kind: "IPReservation",
  plural: "ipreservations",
  aliases: ["reservation"],
  namespaced: false,
  spec,
  rules: [],
  columns: [],
});
