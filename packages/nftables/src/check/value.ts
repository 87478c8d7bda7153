import { compareAddresses, familyOf } from "@ocicat/net";
import { invalid } from "../errors.ts";
import { type DataType, largestOf, ORDERED_TYPES } from "../ir/data-type.ts";
import type { Value } from "../ir/value.ts";
import { checkInterfaceName } from "./names.ts";

/** A point is one value, an interval several; the rest of the kinds fit in one place only. */
export type ValuePlace = "comparison" | "set" | "intervalSet";

/** Does the value belong to the type, and may it stand there? Throws NftError. */
export function checkValue(where: string, type: DataType, value: Value, place: ValuePlace): void {
  switch (value.kind) {
    case "interface":
      if (type !== "ifname") throw misfit(where, type, value.kind);
      checkInterfaceName(where, value.name);
      return;
    case "interfacePrefix":
      if (type !== "ifname") throw misfit(where, type, value.kind);
      if (place !== "comparison") throw invalid(where, `a set cannot hold the wildcard "${value.prefix}*"`);
      checkInterfaceName(where, value.prefix);
      return;
    case "prefix": {
      const { prefix } = value;
      checkFamily(where, type, prefix.family);
      if (place === "set" && !prefix.isHost) throw needsInterval(where, prefix.toString());
      if (place === "comparison" && prefix.length === 0) {
        throw invalid(where, `${prefix} holds every address`, "leave the comparison out");
      }
      return;
    }
    case "addressRange":
      checkFamily(where, type, familyOf(value.first));
      checkFamily(where, type, familyOf(value.last));
      if (compareAddresses(value.first, value.last) >= 0) throw invalid(where, "a range ends after it begins");
      if (place !== "intervalSet") throw needsInterval(where, "a range of addresses");
      return;
    case "number":
      checkNumber(where, type, value.number);
      return;
    case "numberRange":
      checkNumber(where, type, value.first);
      checkNumber(where, type, value.last);
      if (value.first >= value.last) throw invalid(where, `${value.first}-${value.last} ends before it begins`);
      // Compared byte by byte: right only for what is stored with its highest byte first.
      if (!ORDERED_TYPES.has(type)) throw invalid(where, `${type} has no ranges`);
      if (place === "set") throw needsInterval(where, `${value.first}-${value.last}`);
      return;
  }
}

export function checkNumber(where: string, type: DataType, value: number): void {
  const largest = largestOf(type);
  if (largest === undefined) throw misfit(where, type, "number");
  if (!Number.isInteger(value) || value < 0 || value > largest) {
    throw invalid(where, `${value} is not a ${type}`, `use 0 to ${largest}`);
  }
}

function checkFamily(where: string, type: DataType, family: 4 | 6): void {
  if (type !== (family === 4 ? "ipv4_addr" : "ipv6_addr")) throw misfit(where, type, `IPv${family} address`);
}

function misfit(where: string, type: DataType, kind: string) {
  return invalid(where, `${kind} where ${type} is wanted`);
}

function needsInterval(where: string, what: string) {
  return invalid(where, `${what} is more than one value`, "use a set with interval: true");
}
