import { Protocol } from "../model/packet.ts";

/** Names as resources write them, in any case. */
const NUMBERS: ReadonlyMap<string, number> = new Map(Object.entries(Protocol));

/** The protocol's number, 0 to 255; undefined for what is none. */
export function protocolNumber(value: string | number): number | undefined {
  if (typeof value === "string") {
    return NUMBERS.get(value.toLowerCase()) ?? (/^\d{1,3}$/.test(value) ? protocolNumber(Number(value)) : undefined);
  }
  return Number.isInteger(value) && value >= 0 && value <= 255 ? value : undefined;
}
