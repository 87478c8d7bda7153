import { OcicatError } from "@ocicat/kit";

/** A BGP session, as an agent reports it at /bgp. */
export interface Peer {
  readonly address: string;
  /** `node-to-node mesh`, and later `node specific`, `global`. */
  readonly type: string;
  /** Of the session's state machine: `Established`, `Active`, … */
  readonly state: string;
  readonly since: Date;
  /** Why it is not established, where that is known. */
  readonly info: string;
}

/** An object that a node holds because of a resource, as an agent lists them at /consequences. */
export interface Consequence {
  readonly object: string;
  readonly reason: string;
}

/** A route as an agent explains it at /routes/why. */
export interface RouteWhy {
  readonly destination: string;
  /** As `ip route` shows it; undefined if the kernel has none. */
  readonly route: string | undefined;
  readonly why: string | undefined;
  /** `programmed`, or what keeps it from being so. */
  readonly kernel: string;
  /** Why it is announced; undefined if it is not. */
  readonly announced: string | undefined;
}

export function readPeers(body: unknown): readonly Peer[] {
  return list(fieldsOf(body, "/bgp")("peers"), "/bgp").map((entry) => {
    const field = texts(entry, "/bgp");
    return {
      address: field("address"),
      type: field("type"),
      state: field("state"),
      since: new Date(field("since")),
      info: field("info"),
    };
  });
}

/** Interfaces of a node's own addresses, by family, as an agent reports them at /node. */
export interface OwnInterfaces {
  readonly node: string;
  readonly 4: string | undefined;
  readonly 6: string | undefined;
}

export function readOwnInterfaces(body: unknown): OwnInterfaces {
  const field = fieldsOf(body, "/node");
  const of = (family: string) => {
    const own = field(family);
    return own === undefined ? undefined : texts(own, "/node")("interface");
  };
  return { node: texts(body, "/node")("name"), 4: of("ipv4"), 6: of("ipv6") };
}

export function readConsequences(body: unknown): readonly Consequence[] {
  return list(body, "/consequences").map((entry) => {
    const field = texts(entry, "/consequences");
    return { object: field("object"), reason: field("reason") };
  });
}

export function readRouteWhys(body: unknown): readonly RouteWhy[] {
  const where = "/routes/why";
  return list(body, where).map((entry) => {
    const field = texts(entry, where);
    const optional = (name: string) => (fieldsOf(entry, where)(name) === undefined ? undefined : field(name));
    return {
      destination: field("destination"),
      route: optional("route"),
      why: optional("why"),
      kernel: field("kernel"),
      announced: optional("announced"),
    };
  });
}

export function list(value: unknown, where: string): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw unexpected(where, "a list");
}

export function fieldsOf(value: unknown, where: string): (name: string) => unknown {
  if (typeof value !== "object" || value === null) throw unexpected(where, "an object");
  const fields = new Map<string, unknown>(Object.entries(value));
  return (name) => fields.get(name);
}

export function texts(value: unknown, where: string): (name: string) => string {
  const field = fieldsOf(value, where);
  return (name) => {
    const text = field(name);
    if (typeof text === "string") return text;
    throw unexpected(where, `"${name}" as text`);
  };
}

export function unexpected(where: string, wanted: string): OcicatError {
  return new OcicatError({
    code: "AGENT_ANSWER",
    where: `the agent's ${where}`,
    what: `does not hold ${wanted}`,
    fix: "use the command of the agent's own version",
  });
}
