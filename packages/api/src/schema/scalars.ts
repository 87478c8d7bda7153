import {
  type Address,
  type Family,
  familyOf,
  formatAddress,
  type Mac,
  type Prefix,
  parseAddress,
  parseMac,
  parsePrefix,
} from "@ocicat/net";
import { formatDuration, parseDuration } from "./duration.ts";
import { accept, type Checked, refuse, type ScalarForm, type ScalarSchema, scalar } from "./schema.ts";

/** A scalar that is text, with a check of its own on top. */
export function text(
  expects = "text",
  check: (value: string) => Checked<string> = accept,
  form: ScalarForm = {},
): ScalarSchema<string> {
  return scalar(expects, (value) => (typeof value === "string" ? check(value) : refuse("type")), {
    type: "string",
    ...form,
  });
}

/** Text that a pattern describes whole. */
export function matching(expects: string, rule: string, pattern: RegExp): ScalarSchema<string> {
  // JSON Schema's patterns have no flags.
  const form = pattern.flags === "" ? { pattern: pattern.source } : {};
  return text(expects, (value) => (pattern.test(value) ? accept(value) : refuse(rule)), form);
}

/** Any JSON value, kept as it is. */
export function anything(): ScalarSchema<unknown> {
  return scalar("anything", accept);
}

export function flag(): ScalarSchema<boolean> {
  return scalar("true or false", (value) => (typeof value === "boolean" ? accept(value) : refuse("type")), {
    type: "boolean",
  });
}

/** An integer in [min, max]; both must be exact as JavaScript numbers. */
export function integer(min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER): ScalarSchema<number> {
  const check = (value: unknown) => {
    if (typeof value === "bigint") return refuse("range");
    if (typeof value !== "number" || !Number.isInteger(value)) return refuse("type");
    return value >= min && value <= max ? accept(value) : refuse("range");
  };
  return scalar(integerPhrase(min, max), check, {
    type: "integer",
    ...(min === Number.MIN_SAFE_INTEGER ? {} : { minimum: min }),
    ...(max === Number.MAX_SAFE_INTEGER ? {} : { maximum: max }),
  });
}

function integerPhrase(min: number, max: number): string {
  if (max !== Number.MAX_SAFE_INTEGER) return `an integer from ${min} to ${max}`;
  return min === Number.MIN_SAFE_INTEGER ? "an integer" : `an integer of ${min} or more`;
}

/** A TCP or UDP port. */
export const port = (): ScalarSchema<number> => integer(1, 65_535);

/** One of a few words, exactly as written here. */
export function choice<const V extends string>(...values: readonly V[]): ScalarSchema<V> {
  return choiceBy((value, candidate) => value === candidate, values, { type: "string", enum: values });
}

/** One of a few words in upper or lower case; brought to the case written here. */
export function choiceIgnoringCase<const V extends string>(...values: readonly V[]): ScalarSchema<V> {
  const pattern = `^(${values.map(inAnyCase).join("|")})$`;
  return choiceBy((value, candidate) => value.toLowerCase() === candidate.toLowerCase(), values, {
    type: "string",
    // The first is for editors, that offer the words.
    anyOf: [{ enum: values }, { pattern }],
  });
}

/** As a pattern; those of JSON Schema have no flags. */
function inAnyCase(word: string): string {
  return word.replaceAll(/[A-Za-z]/g, (letter) => `[${letter.toUpperCase()}${letter.toLowerCase()}]`);
}

function choiceBy<V extends string>(
  same: (value: string, candidate: V) => boolean,
  values: readonly V[],
  form: ScalarForm,
): ScalarSchema<V> {
  const check = (value: unknown) => {
    if (typeof value !== "string") return refuse("type");
    const found = values.find((candidate) => same(value, candidate));
    return found === undefined ? refuse("choice") : accept(found);
  };
  const words = values.filter((value) => value !== "").join(", ");
  return scalar(values.length === 1 ? words : `one of ${words}`, check, form);
}

/** A Go duration of zero or more, stored as Go prints it. */
export function duration(): ScalarSchema<string> {
  return text("a duration such as 90s, 1m30s or 250ms", (value) => {
    const nanoseconds = parseDuration(value);
    if (nanoseconds === undefined) return refuse("duration");
    return nanoseconds < 0n ? refuse("duration", "is a negative duration") : accept(formatDuration(nanoseconds));
  });
}

/** RFC 3339, as Kubernetes writes times. */
export const timestamp = (): ScalarSchema<string> =>
  matching(
    "a time such as 2026-11-21T02:19:55Z",
    "timestamp",
    /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})$/,
  );

/** A network: address/length, without bits beyond the length. */
export function network(family?: Family): ScalarSchema<string> {
  return text(`an ${ip(family)} network such as ${family === 6 ? "fd00:10:244::/48" : "10.244.0.0/16"}`, (value) => {
    if (!value.includes("/")) return refuse("cidr");
    const prefix = attempt(() => parsePrefix(value, { hostBits: "clear" }));
    if (prefix === undefined) return refuse("cidr");
    if (family !== undefined && prefix.family !== family) return refuse("family");
    return attempt(() => parsePrefix(value)) === undefined
      ? refuse("host-bits", `has bits set beyond its length; the network is ${prefix}`)
      : accept(prefix.toString());
  });
}

/** A network of a rule. Bits beyond its length mean nothing: with them it is kept as written, and who writes may be told. */
export function ruleNetwork(): ScalarSchema<string> {
  const strict = network();
  return text(strict.expects, (value) => {
    const checked = strict.check(value);
    return checked.ok || checked.rule !== "host-bits" ? checked : accept(value);
  });
}

/** A network without bits beyond its length, or a bare address, which means itself alone; kept as written. */
export function networkOrAddress(family?: Family): ScalarSchema<string> {
  return text(`an ${ip(family)} network or address`, (value) => {
    const checked = (value.includes("/") ? network(family) : address(family)).check(value);
    return checked.ok ? accept(value) : checked;
  });
}

/** An address, or a network; kept as written. A bare address means itself alone. */
export function addressOrNetwork(): ScalarSchema<string> {
  return text("an IP address or network", (value) =>
    attempt(() => parsePrefix(value, { hostBits: "clear" })) === undefined ? refuse("cidr") : accept(value),
  );
}

/** An interface's address with the length of its subnet (192.168.0.81/24), or without; kept as written. */
export function interfaceAddress(family: Family): ScalarSchema<string> {
  return text(`an ${ip(family)} address, with or without its subnet's length`, (value) => {
    const prefix = attempt(() => parsePrefix(value, { hostBits: "clear" }));
    if (prefix === undefined) return refuse("address");
    return prefix.family === family ? accept(value) : refuse("family");
  });
}

export function address(family?: Family): ScalarSchema<string> {
  return text(`an ${ip(family)} address`, (value) => {
    const parsed = attempt(() => parseAddress(value));
    if (parsed === undefined) return refuse("address");
    return family === undefined || familyOf(parsed) === family ? accept(formatAddress(parsed)) : refuse("family");
  });
}

/** One address as its own network, /32 or /128; a bare address is taken as one. */
export function hostNetwork(): ScalarSchema<string> {
  return text("an address, or its /32 or /128", (value) => {
    const prefix = attempt(() => parsePrefix(value));
    if (prefix === undefined) return refuse("cidr");
    return prefix.isHost ? accept(prefix.toString()) : refuse("host-route", "holds more than one address");
  });
}

export function mac(): ScalarSchema<string> {
  return text("a MAC address such as ee:ee:ee:ee:ee:ee", (value) => {
    const parsed = attempt(() => parseMac(value));
    return parsed === undefined ? refuse("mac") : accept(parsed);
  });
}

/** A 4-octet AS number as a number, as its text, or as `high.low` (RFC 5396 asdot). 0 is reserved (RFC 7607). */
export function asNumber(): ScalarSchema<number> {
  const check = (value: unknown) => {
    const number = typeof value === "string" ? asFromText(value) : value;
    if (typeof number !== "number" || !Number.isInteger(number)) return refuse("type");
    return number >= 1 && number <= 0xffff_ffff ? accept(number) : refuse("range");
  };
  return scalar("an AS number from 1 to 4294967295", check, {
    type: ["integer", "string"],
    minimum: 1,
    maximum: 0xffff_ffff,
    pattern: "^\\d{1,10}$|^\\d{1,5}\\.\\d{1,5}$",
  });
}

function asFromText(value: string): number | undefined {
  if (/^\d{1,10}$/.test(value)) return Number(value);
  const dotted = /^(\d{1,5})\.(\d{1,5})$/.exec(value);
  if (dotted === null) return undefined;
  const [high, low] = [Number(dotted[1]), Number(dotted[2])];
  return high > 0xffff || low > 0xffff ? undefined : high * 0x1_0000 + low;
}

/** A port, or a range of them as `min:max`; stored as a number, or as text. */
export function portRange(): ScalarSchema<number | string> {
  const check = (value: unknown) => {
    const range = /^(\d{1,5})(?::(\d{1,5}))?$/.exec(String(value));
    if (range === null) return refuse("port-range");
    const [min, max] = [Number(range[1]), Number(range[2] ?? range[1])];
    if (max > 65_535) return refuse("port-range");
    if (min > max) return refuse("port-range", "ends before it begins");
    return accept(range[2] === undefined ? min : `${min}:${max}`);
  };
  return scalar("a port or a range of ports such as 30000:32767", check, {
    type: ["integer", "string"],
    minimum: 0,
    maximum: 65_535,
    pattern: "^\\d{1,5}(:\\d{1,5})?$",
  });
}

const DSCP_NAME = /^(?:EF|DF|LE|AF[1-4][1-3]|CS[0-7])$/;

/** A DSCP by number, or by one of RFC 2474's, RFC 2597's and RFC 3246's names. */
export function dscp(): ScalarSchema<string | number> {
  const check = (value: unknown): Checked<string | number> => {
    if (typeof value === "string") return DSCP_NAME.test(value) ? accept(value) : refuse("dscp");
    const number = integer(0, 63).check(value);
    return number.ok ? number : refuse("dscp");
  };
  return scalar("a DSCP: a name such as EF, AF41 or CS6, or a number from 0 to 63", check, {
    type: ["integer", "string"],
    minimum: 0,
    maximum: 63,
    pattern: DSCP_NAME.source,
  });
}

/** A regular expression. Calico's are RE2; what JavaScript reads too is accepted, and flags in front: `(?i)`. */
export function regex(): ScalarSchema<string> {
  return text("a regular expression", (value) =>
    attempt(() => new RegExp(value.replace(/^\(\?[imsU]+\)/, ""))) === undefined ? refuse("regex") : accept(value),
  );
}

/** Linux' limit is 15 characters, and no '/' or white space. */
export const interfaceName = (): ScalarSchema<string> =>
  matching("an interface name: 1 to 15 letters, digits, '_', '-', '.'", "interface-name", /^[a-zA-Z0-9_.-]{1,15}$/);

const ip = (family: Family | undefined) => (family === undefined ? "IP" : `IPv${family}`);

function attempt<T extends Address | Prefix | Mac | RegExp>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch {
    return undefined;
  }
}
