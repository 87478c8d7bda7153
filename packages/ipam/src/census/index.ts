export type { Census, Reservation, UnreadableRow } from "./census.ts";
export { readCensus } from "./read.ts";
export { type AddressUse, type AddressUses, addressUses, needsAllocation, type Stored, type UseKind } from "./uses.ts";
