import { accept, type Checked, refuse, type ScalarSchema, scalar } from "../schema/index.ts";

const NAMES = ["TCP", "UDP", "SCTP", "UDPLite", "ICMP", "ICMPv6"] as const;

/** A protocol's name, as written here, or its number (IANA, Assigned Internet Protocol Numbers). */
export type Protocol = string | number;

/** By name in any case, or by number, also as text: `tcp` becomes TCP, `"6"` becomes 6. */
export function protocol(): ScalarSchema<Protocol> {
  const check = (value: unknown): Checked<Protocol> => {
    const named = typeof value === "string" ? NAMES.find((name) => isSameWord(name, value)) : undefined;
    if (named !== undefined) return accept(named);
    const number = typeof value === "string" && /^\d{1,3}$/.test(value) ? Number(value) : value;
    return typeof number === "number" && Number.isInteger(number) && number >= 1 && number <= 255
      ? accept(number)
      : refuse("protocol");
  };
  const expects = `a protocol: ${NAMES.join(", ")}, or a number from 1 to 255`;
  return scalar(expects, check, { type: ["integer", "string"], minimum: 1, maximum: 255 });
}

const NUMBERS: Readonly<Record<string, number>> = { TCP: 6, UDP: 17, SCTP: 132, UDPLite: 136, ICMP: 1, ICMPv6: 58 };

/** Whether two ways of writing mean one protocol. */
export function isProtocol(value: Protocol | undefined, ...names: readonly (keyof typeof NUMBERS)[]): boolean {
  return value !== undefined && names.some((name) => value === name || value === NUMBERS[name]);
}

/** What policies can match the ports of. */
export function hasPorts(value: Protocol | undefined): boolean {
  return isProtocol(value, "TCP", "UDP", "SCTP");
}

function isSameWord(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
