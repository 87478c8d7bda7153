import { type ExplainedPath, formatAsPath, formatAttributes, type PathAttributes } from "@ocicat/bgp";
import { type Address, compareAddresses, formatAddress, type Prefix } from "@ocicat/net";
import type { Reply } from "./reply.ts";
import type { BirdSource, KernelRow } from "./source.ts";
import { shortTime } from "./time.ts";

/** What `show route` was asked. */
export interface RouteQuestion {
  readonly all: boolean;
  /** The longest network that holds this one; with `exact` this one. */
  readonly target: Prefix | undefined;
  readonly exact: boolean;
  readonly protocol: string | undefined;
  readonly primary: boolean;
}

interface Row {
  readonly prefix: Prefix;
  readonly protocol: string;
  readonly best: boolean;
  /** "via 192.168.0.82 on ens33 [Mesh_192_168_0_82 13:34:33] * (100/0) [i]" */
  readonly text: string;
  /** Under the line, with `all`. */
  readonly details: readonly string[];
}

/** `show route`: code 1007 for routes, 1008 and 1012 for what is below one. Undefined: the network is not there. */
export function showRoute(source: BirdSource, question: RouteQuestion): Reply[] | undefined {
  const rows = chosen([...kernelRows(source), ...bgpRows(source)], question);
  if (rows.length === 0 && question.target !== undefined) return undefined;
  let before: Prefix | undefined;
  return rows.flatMap((row) => {
    // The network stands before the first of its routes.
    const network = before?.equals(row.prefix) === true ? "" : row.prefix.toString();
    before = row.prefix;
    const line = { code: 1007, lines: [`${network.padEnd(18)} ${row.text}`] };
    const [type, ...attributes] = row.details;
    if (!question.all || type === undefined) return [line];
    return [line, { code: 1008, lines: [`\t${type}`] }, { code: 1012, lines: attributes.map((text) => `\t${text}`) }];
  });
}

function chosen(rows: readonly Row[], { target, exact, protocol, primary }: RouteQuestion): Row[] {
  const wanted = rows
    .filter((row) => (protocol === undefined || row.protocol === protocol) && (!primary || row.best))
    .sort((a, b) => compareAddresses(a.prefix.address, b.prefix.address) || a.prefix.length - b.prefix.length);
  if (target === undefined) return wanted;
  const holding = wanted.filter(({ prefix }) => (exact ? prefix.equals(target) : prefix.covers(target)));
  const longest = Math.max(...holding.map(({ prefix }) => prefix.length));
  return holding.filter(({ prefix }) => prefix.length === longest);
}

function* kernelRows({ family, bootedAt, now, kernelRoutes }: BirdSource): Iterable<Row> {
  for (const route of kernelRoutes()) {
    if (route.prefix.family !== family) continue;
    const [protocol, preference, type] = route.direct ? ["direct1", 240, "device"] : ["kernel1", 10, "inherit"];
    yield {
      prefix: route.prefix,
      protocol,
      best: true,
      text: `${towards(route)} [${protocol} ${shortTime(bootedAt, now)}] * (${preference})`,
      details: [`Type: ${type} unicast univ`],
    };
  }
}

function towards({ via, device = "lo" }: KernelRow): string {
  return via === undefined ? `dev ${device}` : `via ${via} on ${device}`;
}

function* bgpRows(source: BirdSource): Iterable<Row> {
  const since = new Map(source.sessions().map(({ name, since: at }) => [name, Date.parse(at)]));
  const { speaker, family, bootedAt, now } = source;
  for (const prefix of speaker?.prefixes() ?? []) {
    if (prefix.family !== family) continue;
    for (const path of speaker?.explain(prefix).paths ?? []) {
      const time = shortTime(since.get(path.peer ?? "") ?? bootedAt, now);
      if (path.peer === undefined) yield ownRow(prefix, time);
      // As with BIRD, what the import filter has kept out is not in the table.
      else if (path.verdict !== "refused") yield learnedRow(prefix, path.peer, path, time, source);
    }
  }
}

function ownRow(prefix: Prefix, time: string): Row {
  const text = `blackhole [static1 ${time}] * (200)`;
  return { prefix, protocol: "static1", best: true, text, details: ["Type: static blackhole univ"] };
}

function learnedRow(prefix: Prefix, peer: string, path: ExplainedPath, time: string, source: BirdSource): Row {
  const hop = formatAddress(path.nextHop.address);
  const device = path.nextHop.link ?? source.interfaceTowards(hop);
  const way = device === undefined ? "unreachable" : `via ${hop} on ${device}`;
  const best = path.verdict === "best";
  const stale = path.stale ? "s" : "";
  return {
    prefix,
    protocol: peer,
    best,
    text: `${way} [${peer} ${time}] ${best ? "* " : ""}(100/${device === undefined ? "-" : 0}${stale}) [${originOf(path.attributes)}]`,
    details: ["Type: BGP unicast univ", ...attributeLines(path.attributes, path.nextHop.address)],
  };
}

const ORIGINS = ["i", "e", "?"] as const;

/** "AS65000i": the AS that the route began in, and how it came into BGP. */
function originOf({ asPath, origin }: PathAttributes): string {
  const last = asPath.at(-1)?.asns.at(-1);
  return `${last === undefined ? "" : `AS${last}`}${ORIGINS[origin]}`;
}

const NAMES: Readonly<Record<string, string>> = {
  ORIGIN: "origin",
  MULTI_EXIT_DISC: "med",
  LOCAL_PREF: "local_pref",
  ATOMIC_AGGREGATE: "atomic_aggr",
  AGGREGATOR: "aggregator",
  COMMUNITIES: "community",
  ORIGINATOR_ID: "originator_id",
  CLUSTER_LIST: "cluster_list",
  EXTENDED_COMMUNITIES: "ext_community",
  LARGE_COMMUNITIES: "large_community",
};

function attributeLines(attributes: PathAttributes, nextHop: Address): string[] {
  const others = formatAttributes(attributes).flatMap((line) => {
    const [name = "", value = ""] = line.split(/: (.*)/);
    const known = NAMES[name];
    return known === undefined || known === "origin" ? [] : [`BGP.${known}: ${inBirdsWords(known, value)}`];
  });
  return [
    `BGP.origin: ${["IGP", "EGP", "Incomplete"][attributes.origin]}`,
    `BGP.as_path: ${formatAsPath(attributes.asPath)}`,
    `BGP.next_hop: ${formatAddress(nextHop)}`,
    ...others,
  ];
}

/** BIRD writes communities as tuples: (64512,100). */
function inBirdsWords(name: string, value: string): string {
  if (!name.endsWith("community")) return value;
  return value
    .split(" ")
    .map((one) => (one.includes(":") ? `(${one.split(":").join(name === "community" ? "," : ", ")})` : one))
    .join(" ");
}
