import { fieldsOf, list, texts, unexpected } from "./answers.ts";

/** A BGP session with its numbers, as an agent reports it at /bgp. */
export interface BgpSession {
  readonly name: string;
  readonly address: string;
  readonly as: number;
  readonly type: string;
  /** The node at the other end, if it is one of ours. */
  readonly node: string | undefined;
  readonly state: string;
  readonly since: Date;
  readonly info: string;
  readonly reason: string;
  readonly received: number;
  readonly accepted: number;
  readonly advertised: number;
  readonly stale: number;
  readonly updatesIn: number;
  readonly updatesOut: number;
  /** Of a session that is up. */
  readonly negotiated: Readonly<Record<string, unknown>> | undefined;
}

/** A path, as an agent tells it at /bgp/routes and /bgp/why. */
export interface BgpPath {
  readonly prefix: string;
  /** Undefined: a route of the node's own. */
  readonly peer: string | undefined;
  readonly origin: string | undefined;
  readonly nextHop: string | undefined;
  /** "AS_PATH: 64512 64513" */
  readonly attributes: readonly string[];
  /** best, multipath, lost, refused, advertised. */
  readonly verdict: string;
  readonly why: string;
  readonly stale: boolean;
}

export interface BgpExport {
  readonly peer: string;
  readonly told: boolean;
  readonly attributes: readonly string[];
  readonly why: string;
}

export interface BgpWhy {
  readonly prefix: string;
  readonly paths: readonly BgpPath[];
  readonly exports: readonly BgpExport[];
}

export interface BgpEvent {
  readonly at: Date;
  readonly session: string;
  readonly state: string;
  readonly why: string;
}

export function readSessions(body: unknown): readonly BgpSession[] {
  const where = "/bgp";
  return list(fieldsOf(body, where)("peers"), where).map((entry) => {
    const field = texts(entry, where);
    const number = numbers(entry, where);
    const negotiated = fieldsOf(entry, where)("negotiated");
    return {
      name: field("name"),
      address: field("address"),
      as: number("as"),
      type: field("type"),
      node: optional(entry, where, "node"),
      state: field("state"),
      since: new Date(field("since")),
      info: field("info"),
      reason: field("reason"),
      received: number("received"),
      accepted: number("accepted"),
      advertised: number("advertised"),
      stale: number("stale"),
      updatesIn: number("updatesIn"),
      updatesOut: number("updatesOut"),
      negotiated:
        typeof negotiated === "object" && negotiated !== null
          ? Object.fromEntries(Object.entries(negotiated))
          : undefined,
    };
  });
}

export function readPaths(body: unknown): readonly BgpPath[] {
  const where = "/bgp/routes";
  return list(body, where).map((entry) => readPath(entry, where));
}

export function readWhy(body: unknown): BgpWhy {
  const where = "/bgp/why";
  const field = fieldsOf(body, where);
  return {
    prefix: texts(body, where)("prefix"),
    paths: list(field("paths"), where).map((entry) => readPath(entry, where)),
    exports: list(field("exports"), where).map((entry) => {
      const text = texts(entry, where);
      return {
        peer: text("peer"),
        told: fieldsOf(entry, where)("told") === true,
        attributes: lines(fieldsOf(entry, where)("attributes"), where),
        why: text("why"),
      };
    }),
  };
}

export function readEvent(entry: unknown): BgpEvent {
  const field = texts(entry, "/bgp/log");
  return { at: new Date(field("at")), session: field("session"), state: field("state"), why: field("why") };
}

export function readEvents(body: unknown): readonly BgpEvent[] {
  return list(body, "/bgp/log").map(readEvent);
}

function readPath(entry: unknown, where: string): BgpPath {
  const field = texts(entry, where);
  return {
    prefix: field("prefix"),
    peer: optional(entry, where, "peer"),
    origin: optional(entry, where, "origin"),
    nextHop: optional(entry, where, "nextHop"),
    attributes: lines(fieldsOf(entry, where)("attributes"), where),
    verdict: field("verdict"),
    why: field("why"),
    stale: fieldsOf(entry, where)("stale") === true,
  };
}

function lines(value: unknown, where: string): readonly string[] {
  return list(value, where).map(String);
}

function optional(entry: unknown, where: string, name: string): string | undefined {
  return fieldsOf(entry, where)(name) === undefined ? undefined : texts(entry, where)(name);
}

function numbers(entry: unknown, where: string): (name: string) => number {
  const field = fieldsOf(entry, where);
  return (name) => {
    const value = field(name);
    if (typeof value === "number") return value;
    throw unexpected(where, `"${name}" as a number`);
  };
}
