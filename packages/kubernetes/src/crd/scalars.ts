import type { ScalarSchema } from "@ocicat/api";
import type { OpenApi } from "./structural.ts";

/**
 * What only a parser can say, by the phrase that a schema has for it: as CEL, where the API server can afford it, and as a
 * pattern of the shape in lists, whose every item would count towards what a rule may cost.
 */
interface Said {
  /** Holds for `self`. */
  readonly cel: string;
  /** Of a value in a list. */
  readonly pattern?: string;
  /** The longest text that it may be: what a rule costs is estimated by it. */
  readonly maxLength: number;
}

/** The longest address with a length: IPv6 with its last 32 bits in IPv4's form. */
const CIDR_LENGTH = 49;
const CIDR = "^[0-9a-fA-F.:]+/[0-9]{1,3}$";
const ADDRESS = "^[0-9a-fA-F.:]+$";
const MAYBE_CIDR = "^[0-9a-fA-F.:]+(/[0-9]{1,3})?$";
const DURATION =
  "^[-+]?(0|([0-9]+([.][0-9]*)?|[.][0-9]+)(ns|us|µs|μs|ms|s|m|h)(([0-9]+([.][0-9]*)?|[.][0-9]+)(ns|us|µs|μs|ms|s|m|h))*)$";

const network = (): Said => ({
  cel: "isCIDR(self) && cidr(self) == cidr(self).masked()",
  pattern: CIDR,
  maxLength: CIDR_LENGTH,
});
const address = (more = ""): Said => ({ cel: `isIP(self)${more}`, pattern: ADDRESS, maxLength: CIDR_LENGTH });

const SAID: Readonly<Record<string, Said>> = {
  "an IP network such as 10.244.0.0/16": network(),
  "an IP address": address(),
  "an IPv4 address": address(" && ip(self).family() == 4"),
  "an IPv6 address": address(" && ip(self).family() == 6"),
  "an IP address or network": { cel: "isIP(self) || isCIDR(self)", pattern: MAYBE_CIDR, maxLength: CIDR_LENGTH },
  "an IPv4 network or address": { cel: "isIP(self) || isCIDR(self)", pattern: MAYBE_CIDR, maxLength: CIDR_LENGTH },
  "an IPv6 network or address": { cel: "isIP(self) || isCIDR(self)", pattern: MAYBE_CIDR, maxLength: CIDR_LENGTH },
  "a duration such as 90s, 1m30s or 250ms": {
    cel: `self.matches(r'${DURATION}') && !self.startsWith('-')`,
    pattern: DURATION,
    maxLength: 64,
  },
};

/** What the API server checks of a value by itself. */
export function formOf(schema: ScalarSchema<unknown>, inList: boolean): ScalarSchema<unknown>["form"] {
  const said = SAID[schema.expects];
  if (said?.pattern === undefined || !inList) return schema.form;
  return { ...schema.form, pattern: said.pattern };
}

/** The same as a rule with our sentence, for a value that is not in a list. */
export function sentenceOf({ expects }: ScalarSchema<unknown>): OpenApi {
  const said = SAID[expects];
  if (said === undefined) return {};
  return {
    maxLength: said.maxLength,
    "x-kubernetes-validations": [{ rule: said.cel, message: `is not ${expects}` }],
  };
}

/** The phrases that are known here. For the test that each is some schema's. */
export const PHRASES: readonly string[] = Object.keys(SAID);
