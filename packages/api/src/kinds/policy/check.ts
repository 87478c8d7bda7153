import { parsePrefix } from "@ocicat/net";
import type { Rule } from "../../define-kind.ts";
import type { Problem } from "../../problem.ts";
import type { Resource } from "../../resource.ts";
import { checkLabelKey, network } from "../../schema/index.ts";
import { hasPorts, isProtocol } from "../protocol.ts";
import { mentionsGlobal } from "./global-selector.ts";
import { checkPortName, isNamedPort } from "./port.ts";
import type { EntityRule, PolicyRule } from "./rule.ts";

/** What has rules: policies and profiles. */
export type HasRules = Resource<{
  readonly ingress?: readonly PolicyRule[];
  readonly egress?: readonly PolicyRule[];
}>;

/** In each direction. Every packet of a new connection is held against all of them, one after the other. */
export const MAX_RULES = 1_000;

const DIRECTIONS = ["ingress", "egress"] as const;
const ENDS = ["source", "destination"] as const;

export type Direction = (typeof DIRECTIONS)[number];
type CheckRule = (rule: PolicyRule, path: string, direction: Direction) => Iterable<Problem>;
type CheckEnd = (end: EntityRule, path: string, rule: PolicyRule) => Iterable<Problem>;

/** What holds for the rules of policies and of profiles. */
export const RULES_OF_RULES: Readonly<Record<string, Rule<HasRules>>> = {
  [`There are at most ${MAX_RULES} rules in each direction.`]: checkCount,
  "A rule that matches ports has protocol TCP, UDP or SCTP.": eachEnd(checkPorts),
  "A rule that matches ICMP has protocol ICMP or ICMPv6, and a code only with a type.": eachRule(checkIcmp),
  "ICMP goes with ipVersion 4, ICMPv6 with 6.": eachRule(checkIcmpVersion),
  "A network of a rule has no bits beyond its length.": eachEnd(checkHostBits),
  "The networks of a rule are of one version of IP, its ipVersion's if it has one.": eachRule(checkNetworks),
  "global() is for namespaceSelector, and stands alone there.": eachEnd(checkGlobal),
  "Beside services there are no selectors, networks or service accounts, and in a destination no ports.":
    eachEnd(checkServices),
  "HTTP is matched by rules that allow, of protocol TCP or none, by paths that begin with '/'.": eachRule(checkHttp),
  "Annotations of a rule have keys as labels have.": eachRule(checkAnnotations),
};

/** What holds for the rules of policies besides. */
export const RULES_OF_POLICY_RULES: Readonly<Record<string, Rule<HasRules>>> = {
  ...RULES_OF_RULES,
  "Services are matched as the source of ingress and as the destination of egress.": eachRule(checkServicesEnd),
  "HTTP is matched by ingress rules.": eachRule(checkHttpDirection),
};

export function eachRule(check: CheckRule): Rule<HasRules> {
  return function* ({ spec }) {
    for (const direction of DIRECTIONS) {
      for (const [index, rule] of (spec[direction] ?? []).entries()) {
        yield* check(rule, `spec.${direction}[${index}]`, direction);
      }
    }
  };
}

function eachEnd(check: CheckEnd): Rule<HasRules> {
  return eachRule(function* (rule, path) {
    for (const end of ENDS) yield* check(rule[end], `${path}.${end}`, rule);
  });
}

function* checkCount({ spec }: HasRules): Iterable<Problem> {
  for (const direction of DIRECTIONS) {
    const rules = spec[direction]?.length ?? 0;
    if (rules <= MAX_RULES) continue;
    const message = `is one rule too many: there are ${rules}, and may be ${MAX_RULES} in a direction; divide them among several policies, or name many networks in one rule`;
    yield { field: `spec.${direction}[${MAX_RULES}]`, value: undefined, rule: "rule-count", message };
  }
}

function* checkPorts(end: EntityRule, path: string, { protocol }: PolicyRule): Iterable<Problem> {
  for (const name of ["ports", "notPorts"] as const) {
    const ports = end[name] ?? [];
    if (ports.length > 0 && !hasPorts(protocol)) {
      const message = `needs a protocol with ports: TCP, UDP or SCTP; the rule has ${protocol ?? "none"}`;
      yield { field: `${path}.${name}`, value: ports, rule: "ports-protocol", message };
    }
    for (const [index, port] of ports.entries()) {
      if (!isNamedPort(port) || checkPortName(port).ok) continue;
      const message = "is not a port's name: at most 15 of a-z, 0-9 and single '-' between them, with a letter";
      yield { field: `${path}.${name}[${index}]`, value: port, rule: "port-name", message };
    }
  }
}

function* checkIcmp({ icmp, notICMP, protocol }: PolicyRule, path: string): Iterable<Problem> {
  if (icmp !== undefined && !isProtocol(protocol, "ICMP", "ICMPv6")) {
    const message = `needs protocol ICMP or ICMPv6; the rule has ${protocol ?? "none"}`;
    yield { field: `${path}.icmp`, value: icmp, rule: "icmp-protocol", message };
  }
  for (const [name, match] of Object.entries({ icmp, notICMP })) {
    if (match?.code === undefined || match.type !== undefined) continue;
    const message = "is a code without a type, which the kernel cannot match";
    yield { field: `${path}.${name}.code`, value: match.code, rule: "icmp-code", message };
  }
}

function* checkIcmpVersion(rule: PolicyRule, path: string): Iterable<Problem> {
  if (rule.ipVersion === undefined) return;
  for (const [name, version] of [["ICMP", 4] as const, ["ICMPv6", 6] as const]) {
    if (rule.ipVersion === version) continue;
    if (!isProtocol(rule.protocol, name) && !isProtocol(rule.notProtocol, name)) continue;
    const message = `does not go with ${name}, which is of version ${version}`;
    yield { field: `${path}.ipVersion`, value: rule.ipVersion, rule: "icmp-version", message };
  }
}

function* checkHostBits(end: EntityRule, path: string): Iterable<Problem> {
  for (const name of ["nets", "notNets"] as const) {
    for (const [index, text] of (end[name] ?? []).entries()) {
      const checked = network().check(text);
      if (checked.ok) continue;
      yield {
        field: `${path}.${name}[${index}]`,
        value: text,
        rule: checked.rule,
        message: checked.message ?? "is not a network",
      };
    }
  }
}

function* checkNetworks(rule: PolicyRule, path: string): Iterable<Problem> {
  let family: number | undefined = rule.ipVersion;
  for (const end of ENDS) {
    for (const name of ["nets", "notNets"] as const) {
      for (const [index, network] of (rule[end][name] ?? []).entries()) {
        const own = parsePrefix(network, { hostBits: "clear" }).family;
        family ??= own;
        if (own === family) continue;
        const other =
          rule.ipVersion === undefined ? `other networks of the rule are of IPv${family}` : "ipVersion is not";
        const message = `is of IPv${own}, and ${other}`;
        yield { field: `${path}.${end}.${name}[${index}]`, value: network, rule: "ip-version", message };
      }
    }
  }
}

function* checkGlobal(end: EntityRule, path: string): Iterable<Problem> {
  for (const name of ["selector", "notSelector"] as const) {
    const value = end[name];
    if (value !== undefined && mentionsGlobal(value) !== "no") yield misplacedGlobal(`${path}.${name}`, value);
  }
  const { namespaceSelector } = end;
  if (namespaceSelector === undefined || mentionsGlobal(namespaceSelector) !== "among others") return;
  const message = "combines global() with other conditions: what is in no namespace has no namespace's labels";
  yield { field: `${path}.namespaceSelector`, value: namespaceSelector, rule: "global-selector", message };
}

export function misplacedGlobal(field: string, value: string): Problem {
  const message = "has global(), which is for the namespaceSelector of a rule only";
  return { field, value, rule: "global-selector", message };
}

/** A Service says itself which endpoints and ports it means. */
function* checkServices(end: EntityRule, path: string): Iterable<Problem> {
  const { services, ...rest } = end;
  if (services === undefined) return;
  const names = ["nets", "notNets", "selector", "notSelector", "namespaceSelector", "serviceAccounts"] as const;
  const ports = path.endsWith(".destination") ? (["ports", "notPorts"] as const) : [];
  for (const name of [...names, ...ports]) {
    const value = rest[name];
    if (value === undefined || (Array.isArray(value) && value.length === 0)) continue;
    const message = "cannot be given beside services, which says it already";
    yield { field: `${path}.${name}`, value, rule: "services", message };
  }
}

const SERVICES_END = { ingress: "source", egress: "destination" } as const;

function* checkServicesEnd(rule: PolicyRule, path: string, direction: Direction): Iterable<Problem> {
  for (const end of ENDS) {
    const { services } = rule[end];
    if (services === undefined || end === SERVICES_END[direction]) continue;
    const message = `cannot be the ${end} of ${direction}: that is the endpoint itself`;
    yield { field: `${path}.${end}.services`, value: services, rule: "services", message };
  }
}

function* checkHttp({ http, action, protocol }: PolicyRule, path: string): Iterable<Problem> {
  if (http === undefined) return;
  if (action !== "Allow") {
    const message = `is for rules that allow, not for ${action}`;
    yield { field: `${path}.http`, value: http, rule: "http-action", message };
  }
  if (protocol !== undefined && !isProtocol(protocol, "TCP")) {
    const message = "carries no HTTP; give TCP or none";
    yield { field: `${path}.protocol`, value: protocol, rule: "http-protocol", message };
  }
  for (const [index, match] of (http.paths ?? []).entries()) {
    const field = `${path}.http.paths[${index}]`;
    const { exact, prefix } = match;
    if ((exact === undefined) === (prefix === undefined)) {
      yield { field, value: match, rule: "http-path", message: "has to have either exact or prefix" };
    }
    for (const value of [exact, prefix]) {
      if (value === undefined || /^\/[^? #]*$/.test(value)) continue;
      yield {
        field,
        value,
        rule: "http-path",
        message: "is not a path: it begins with '/' and has no '?', '#' or space",
      };
    }
  }
}

function* checkHttpDirection({ http }: PolicyRule, path: string, direction: Direction): Iterable<Problem> {
  if (http === undefined || direction === "ingress") return;
  const message = "is matched where a request arrives, in ingress rules";
  yield { field: `${path}.http`, value: http, rule: "http-direction", message };
}

function* checkAnnotations({ metadata }: PolicyRule, path: string): Iterable<Problem> {
  for (const key of Object.keys(metadata?.annotations ?? {})) {
    const checked = checkLabelKey(key.toLowerCase());
    if (checked.ok) continue;
    const field = `${path}.metadata.annotations`;
    yield { field, value: key, rule: checked.rule, message: checked.message ?? "is refused" };
  }
}
