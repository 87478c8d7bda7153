import {
  type Address,
  type Family,
  familyOf,
  formatAddress,
  type Prefix,
  parseAddress,
  parseMac,
  parsePrefix,
} from "@ocicat/net";
import { formatDuration, parseDuration } from "./duration.ts";
import { accept, type Checked, refuse, type ScalarSchema, scalar } from "./schema.ts";

/** A scalar that is text, with a check of its own on top. */
export function text(expects = "text", check: (value: string) => Checked<string> = accept): ScalarSchema<string> {
  return scalar(expects, (value) => (typeof value === "string" ? check(value) : refuse("type", "is not text")));
}

export function flag(): ScalarSchema<boolean> {
  return scalar("true or false", (value) =>
    typeof value === "boolean" ? accept(value) : refuse("type", "is neither true nor false"),
  );
}

/** An integer in [min, max]; both must be exact as JavaScript numbers. */
export function integer(
  min: number = Number.MIN_SAFE_INTEGER,
  max: number = Number.MAX_SAFE_INTEGER,
): ScalarSchema<number> {
  const expects = integerPhrase(min, max);
  return scalar(expects, (value) => {
    if (typeof value === "bigint") return refuse("range", `is not ${expects}`);
    if (typeof value !== "number" || !Number.isInteger(value)) return refuse("type", "is not an integer");
    return value >= min && value <= max ? accept(value) : refuse("range", `is not ${expects}`);
  });
}

function integerPhrase(min: number, max: number): string {
  if (max !== Number.MAX_SAFE_INTEGER) return `an integer from ${min} to ${max}`;
  return min === Number.MIN_SAFE_INTEGER ? "an integer" : `an integer, ${min} or more`;
}

export function decimal(): ScalarSchema<number> {
  return scalar("a number", (value) =>
    typeof value === "number" && Number.isFinite(value) ? accept(value) : refuse("type", "is not a number"),
  );
}

/** One of a few words, exactly as written. */
export function choice<const V extends string>(...values: readonly V[]): ScalarSchema<V> {
  const expects = `one of ${values.map((value) => (value === "" ? '""' : value)).join(", ")}`;
  return scalar(expects, (value) => {
    if (typeof value !== "string") return refuse("type", "is not text");
    const found = values.find((candidate) => candidate === value);
    return found === undefined ? refuse("choice", `is not ${expects}`) : accept(found);
  });
}

/** A Go duration, stored as Go prints it. */
export function duration(): ScalarSchema<string> {
  return text("a duration such as 90s, 1m30s or 250ms", (value) => {
    const nanoseconds = parseDuration(value);
    return nanoseconds === undefined
      ? refuse("duration", "is not a duration such as 90s, 1m30s or 250ms")
      : accept(formatDuration(nanoseconds));
  });
}

/** A network: address/length, without bits beyond the length. */
export function network(family?: Family): ScalarSchema<string> {
  return text(`an ${ip(family)} network such as ${family === 6 ? "fd00:10:244::/48" : "10.244.0.0/16"}`, (value) => {
    if (!value.includes("/"))
      return refuse("cidr", "is an address without a prefix length; write a network as address/length");
    const prefix = attempt(() => parsePrefix(value, { hostBits: "clear" }));
    if (prefix === undefined) return refuse("cidr", "is not a network as address/length");
    if (family !== undefined && prefix.family !== family) return refuse("family", `is not an ${ip(family)} network`);
    return attempt(() => parsePrefix(value)) === undefined
      ? refuse("host-bits", `has bits set beyond its length; the network is ${prefix}`)
      : accept(prefix.toString());
  });
}

/** An address, or a network; as written. A bare address means itself alone. */
export function addressOrNetwork(): ScalarSchema<string> {
  return text("an IP address or network", (value) =>
    attempt(() => parsePrefix(value, { hostBits: "clear" })) === undefined
      ? refuse("cidr", "is neither an IP address nor a network as address/length")
      : accept(value),
  );
}

/** An interface's address with the length of its subnet (192.168.0.81/24), or without. Kept as written. */
export function interfaceAddress(family: Family): ScalarSchema<string> {
  return text(`an ${ip(family)} address, with its subnet's length`, (value) => {
    const prefix = attempt(() => parsePrefix(value, { hostBits: "clear" }));
    if (prefix === undefined) return refuse("address", "is not an IP address, with or without a subnet's length");
    return prefix.family === family ? accept(value) : refuse("family", `is not an ${ip(family)} address`);
  });
}

export function address(family?: Family): ScalarSchema<string> {
  return text(`an ${ip(family)} address`, (value) => {
    const parsed = attempt(() => parseAddress(value));
    if (parsed === undefined) return refuse("address", `is not an ${ip(family)} address`);
    return family === undefined || familyOf(parsed) === family
      ? accept(formatAddress(parsed))
      : refuse("family", `is not an ${ip(family)} address`);
  });
}

/** A whole network of one address: a workload's /32 or /128, or a bare address, which is taken as one. */
export function hostNetwork(): ScalarSchema<string> {
  return text("an address, or its /32 or /128", (value) => {
    const prefix = attempt(() => parsePrefix(value));
    if (prefix === undefined) return refuse("cidr", "is not an address or its /32 or /128");
    return prefix.isHost
      ? accept(prefix.toString())
      : refuse("host-route", "holds more than one address; an endpoint's is a /32 or /128");
  });
}

export function mac(): ScalarSchema<string> {
  return text("a MAC address such as ee:ee:ee:ee:ee:ee", (value) => {
    const parsed = attempt(() => parseMac(value));
    return parsed === undefined ? refuse("mac", "is not a MAC address") : accept(parsed);
  });
}

/** A 4-octet AS number: 1 to 4294967295, as a number, as its text, or as `high.low` (RFC 5396 asdot+). */
export function asNumber(): ScalarSchema<number> {
  return scalar("an AS number from 1 to 4294967295", (value) => {
    const number = typeof value === "string" ? asFromText(value) : value;
    if (typeof number !== "number" || !Number.isInteger(number)) return refuse("type", "is not an AS number");
    return number >= 1 && number <= 0xffff_ffff
      ? accept(number)
      : refuse("range", "is not an AS number from 1 to 4294967295");
  });
}

function asFromText(value: string): number | undefined {
  if (/^\d{1,10}$/.test(value)) return Number(value);
  const dotted = /^(\d{1,5})\.(\d{1,5})$/.exec(value);
  if (dotted === null) return undefined;
  const [high, low] = [Number(dotted[1]), Number(dotted[2])];
  return high > 0xffff || low > 0xffff ? undefined : high * 0x1_0000 + low;
}

/** A regular expression. Calico's are RE2; what both understand is accepted. */
export function regex(): ScalarSchema<string> {
  return text("a regular expression", (value) =>
    attempt(() => new RegExp(value, "u")) === undefined
      ? refuse("regex", "is not a regular expression")
      : accept(value),
  );
}

const ip = (family: Family | undefined) => (family === undefined ? "IP" : `IPv${family}`);

function attempt<T extends Address | Prefix | string | RegExp>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}
