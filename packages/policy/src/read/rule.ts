import {
  type EntityRule,
  formatProblem,
  isObject,
  type PolicyRule,
  policyRule,
  readValue,
  SelectorError,
} from "@ocicat/api";
import type { Family } from "@ocicat/net";
import { hasPorts, Protocol } from "../model/packet.ts";
import type { Direction } from "../model/policy.ts";
import type { Action, End, IcmpMatch, Rule } from "../model/rule.ts";
import { ANY_END, readEnd } from "./end.ts";
import { protocolNumber } from "./protocol.ts";

const ACTIONS = { Allow: "allow", Deny: "deny", Pass: "pass", Log: "log" } as const;

/**
 * One rule of a policy or profile, from whatever stands there: what a schema does not know may narrow the rule, and a rule
 * that is wider than who wrote it meant is none. `namespace`: of the policy, if it has one. `field`: where it stands. Never
 * throws.
 */
export function readRule(given: unknown, namespace: string | undefined, field: string): Rule {
  const rule = checked(policyRule, given);
  if (typeof rule === "string") return brokenRule(actionOf(given), field, rule);
  const action = ACTIONS[rule.action];
  try {
    const read: Rule = {
      action,
      ipVersion: rule.ipVersion,
      protocol: readProtocol(rule.protocol),
      notProtocol: readProtocol(rule.notProtocol),
      icmp: readIcmp(rule.icmp),
      notIcmp: readIcmp(rule.notICMP),
      source: readEnd(rule.source, namespace),
      destination: readEnd(rule.destination, namespace),
      field,
      broken: undefined,
    };
    const why = contradiction(rule, read);
    return why === undefined ? ofItsVersion(read) : brokenRule(action, field, why);
  } catch (error) {
    return brokenRule(action, field, reasonOf(error));
  }
}

function actionOf(rule: unknown): Action | undefined {
  const action = isObject(rule) ? rule.action : undefined;
  const known = Object.entries(ACTIONS).find(([name]) => name === action);
  return known?.[1];
}

/**
 * What is left of a rule that cannot be understood: it opens nothing. One that allows or logs never matches; one that
 * denies or passes denies everything, for nobody knows what it would have kept out, or handed to others to keep out.
 */
export function brokenRule(action: Action | undefined, field: string, why: string): Rule {
  const opens = action === "allow" || action === "log";
  return {
    action: opens ? action : "deny",
    ipVersion: undefined,
    protocol: undefined,
    notProtocol: undefined,
    icmp: undefined,
    notIcmp: undefined,
    source: ANY_END,
    destination: ANY_END,
    field,
    broken: opens ? why : undefined,
    ...(opens ? {} : { closed: why }),
  };
}

/** A rule of Kubernetes: one peer at the far end, and ports at the destination, whoever that is. */
export function peerRule(
  action: Action,
  direction: Direction,
  peer: End,
  protocol: number | undefined,
  ports: End["ports"],
  field: string,
): Rule {
  return ofItsVersion({
    action,
    ipVersion: undefined,
    protocol,
    notProtocol: undefined,
    icmp: undefined,
    notIcmp: undefined,
    ...(direction === "ingress"
      ? { source: peer, destination: { ...ANY_END, ports } }
      : { source: ANY_END, destination: { ...peer, ports } }),
    field,
    broken: undefined,
  });
}

/** A rule that has its schema's shape, or why it has not. */
export function checked<T>(schema: Parameters<typeof readValue<T>>[0], rule: unknown): T | string {
  const reading = readValue(schema, rule, "strict");
  return reading.ok ? reading.value : reading.problems.map((problem) => formatProblem(problem)).join("; ");
}

export function reasonOf(error: unknown): string {
  if (error instanceof SelectorError) return `a selector in it is none: column ${error.column}: ${error.reason}`;
  return error instanceof Error ? error.message : String(error);
}

function readProtocol(value: string | number | undefined): number | undefined {
  if (value === undefined) return undefined;
  const number = protocolNumber(value);
  if (number === undefined) throw new RangeError(`${value} is not a protocol`);
  return number;
}

function readIcmp(match: PolicyRule["icmp"]): IcmpMatch | undefined {
  if (match === undefined) return undefined;
  if (match.type !== undefined) return { type: match.type, code: match.code };
  if (match.code === undefined) return undefined;
  throw new RangeError("it matches an ICMP code without a type, which the kernel cannot");
}

/** What no packet can fulfil, or nobody here can look at. Checks refuse most of it; what others have stored is not checked. */
function contradiction(rule: PolicyRule, read: Rule): string | undefined {
  const { protocol, icmp, notIcmp, source, destination } = read;
  const asksPorts = [source, destination].some(({ ports, notPorts }) => ports.length + notPorts.length > 0);
  if (asksPorts && (protocol === undefined || !hasPorts(protocol))) {
    return `it matches ports, and ${protocol === undefined ? "names no protocol" : "its protocol has none"}`;
  }
  const asksIcmp = icmp !== undefined || notIcmp !== undefined;
  if (asksIcmp && protocol !== undefined && protocol !== Protocol.icmp && protocol !== Protocol.icmpv6) {
    return "it matches ICMP, and its protocol is another";
  }
  if (rule.http !== undefined) return "it matches HTTP requests, and nothing here looks into them";
  for (const [name, end] of Object.entries({ source: rule.source, destination: rule.destination })) {
    if (choosesNothing(end)) return `the service accounts of its ${name} are neither named nor selected`;
  }
  return undefined;
}

/** Given, and empty: Calico takes it for not given, and would then match more than who wrote it meant. */
function choosesNothing({ serviceAccounts }: EntityRule): boolean {
  return (
    serviceAccounts !== undefined &&
    serviceAccounts.selector === undefined &&
    (serviceAccounts.names ?? []).length === 0
  );
}

/** With the version of IP that it can match, if that is but one. */
function ofItsVersion(rule: Rule): Rule {
  const [first, ...more] = familiesOf(rule);
  if (first === undefined) return brokenRule(rule.action, rule.field, "its networks are of different versions of IP");
  return more.length === 0 ? { ...rule, ipVersion: first } : rule;
}

/** A list of networks, negated or not, says which versions the rule is about: `notNets: [fd00::/8]` is about IPv6 alone. */
function familiesOf({ ipVersion, source, destination }: Rule): readonly Family[] {
  const lists = [source, destination].flatMap(({ networks, notNetworks }: End) => [networks, notNetworks]);
  return ([4, 6] as const).filter(
    (family) =>
      (ipVersion ?? family) === family &&
      lists.every((list) => list.length === 0 || list.some((network) => network.family === family)),
  );
}
