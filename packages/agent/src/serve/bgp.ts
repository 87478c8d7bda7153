import { type ExplainedPath, formatAttributes, type Speaker } from "@ocicat/bgp";
import { OcicatError } from "@ocicat/kit";
import { formatAddress, formatScoped, type Prefix, parsePrefix } from "@ocicat/net";
import { json, type Routes, type Stream } from "@ocicat/service";
import type { BgpRunner } from "../bgp/runner.ts";
import type { SessionEvent, SessionLog } from "../bgp/session-log.ts";
import { tableFile } from "../record/table-file.ts";

/** What the BGP commands ask of an agent, or of a speaker that runs by itself. */
export interface BgpSource {
  /** Undefined while there is none. */
  readonly speaker: Speaker | undefined;
  readonly report: BgpRunner["report"];
  readonly log: SessionLog;
}

/**
 *     /bgp                        every session: {peers: [...]}
 *     /bgp/routes?prefix=         paths to a prefix and to what lies in it; to everything without it
 *                &received=NAME   those that a peer told, refused ones too
 *                &advertised=NAME what a peer is told
 *                &best=1          the chosen ones
 *     /bgp/why?prefix=            every path to the prefix, or to the longest that holds it, and what each peer is told of it
 *     /bgp/mrt                    the table as an MRT file
 *     /bgp/log                    changes of sessions' states; &follow=1: from now on, one a line
 */
export function bgpRoutes(source: () => BgpSource): Routes {
  return {
    "/bgp": () => json({ peers: source().report() }),
    "/bgp/routes": (query) => {
      const speaker = running(source());
      const within = query.get("prefix") ?? "";
      const wanted = within === "" ? undefined : parsePrefix(within, { hostBits: "clear" });
      const advertised = query.get("advertised");
      if (advertised !== null) return json(advertisedTo(speaker, sessionNamed(source(), advertised), wanted));
      const received = query.get("received");
      const from = received === null ? undefined : sessionNamed(source(), received);
      const isWanted = ({ peer, verdict }: ExplainedPath) =>
        (from === undefined || peer === from) && (query.get("best") !== "1" || verdict === "best");
      return json(pathsOf(speaker, wanted).filter(isWanted).map(pathReport));
    },
    "/bgp/why": (query) => {
      const speaker = running(source());
      const target = parsePrefix(query.get("prefix") ?? "", { hostBits: "clear" });
      const prefix = longestKnown(speaker, target);
      if (prefix === undefined) return json({ prefix: target.toString(), paths: [], exports: [] });
      const { paths } = speaker.explain(prefix);
      return json({
        prefix: prefix.toString(),
        paths: paths.map((path) => pathReport({ ...path, prefix })),
        exports: speaker.explainExports(prefix).map(({ peer, attributes, why }) => ({
          peer,
          told: attributes !== undefined,
          attributes: attributes === undefined ? [] : formatAttributes(attributes),
          why,
        })),
      });
    },
    "/bgp/mrt": () => ({
      contentType: "application/octet-stream",
      pieces: tableFile(running(source()), Date.now()),
    }),
    "/bgp/log": (query) => (query.get("follow") === "1" ? followed(source().log) : json(source().log.events)),
  };
}

function running({ speaker }: BgpSource): Speaker {
  if (speaker !== undefined) return speaker;
  const why = "the node has no address yet, its networking backend has no BGP, or BIRD does it";
  const fix = "where BIRD does it, ask it: birdc show route";
  throw new OcicatError({ code: "BGP_NOT_RUNNING", what: "the agent itself does no BGP here", why, fix });
}

/** A session by its name, the peer's address, or the name of the node at its other end. Throws OcicatError BGP_NO_PEER. */
function sessionNamed({ report }: BgpSource, text: string): string {
  const sessions = report();
  const found = sessions.find(({ name, address, node }) => [name, address, node].includes(text));
  if (found !== undefined) return found.name;
  const names = sessions.map(({ name }) => name).join(", ");
  const fix = names === "" ? "there is no session on this node" : `use one of ${names}, an address or a node's name`;
  throw new OcicatError({ code: "BGP_NO_PEER", what: `no BGP session here is called "${text}"`, fix });
}

type Path = ExplainedPath & { readonly prefix: Prefix };

function pathsOf(speaker: Speaker, within: Prefix | undefined): Path[] {
  const prefixes = [...speaker.prefixes()].filter((prefix) => within?.covers(prefix) ?? true);
  return prefixes
    .sort((a, b) => a.family - b.family || compare(a, b))
    .flatMap((prefix) => speaker.explain(prefix).paths.map((path) => ({ ...path, prefix })));
}

function compare(a: Prefix, b: Prefix): number {
  if (a.address === b.address) return a.length - b.length;
  return a.address < b.address ? -1 : 1;
}

function longestKnown(speaker: Speaker, target: Prefix): Prefix | undefined {
  let longest: Prefix | undefined;
  for (const prefix of speaker.prefixes())
    if (prefix.covers(target) && prefix.length >= (longest?.length ?? 0)) longest = prefix;
  return longest;
}

function advertisedTo(speaker: Speaker, peer: string, within: Prefix | undefined) {
  return [...speaker.advertised(peer)]
    .filter(({ prefix }) => within?.covers(prefix) ?? true)
    .sort((a, b) => a.prefix.family - b.prefix.family || compare(a.prefix, b.prefix))
    .map(({ prefix, attributes }) => ({
      prefix: prefix.toString(),
      peer: undefined,
      nextHop: formatAddress(attributes.nextHop),
      attributes: formatAttributes(attributes),
      verdict: "advertised",
      why: speaker.explainExports(prefix).find((told) => told.peer === peer)?.why ?? "",
      stale: false,
    }));
}

/** A path as it is told to others. */
function pathReport({ prefix, peer, origin, nextHop, attributes, verdict, why, stale }: Path) {
  return {
    prefix: prefix.toString(),
    /** Undefined: a route of the node's own. */
    peer,
    origin,
    nextHop: peer === undefined ? undefined : formatScoped(nextHop),
    attributes: formatAttributes(attributes),
    verdict,
    why,
    stale,
  };
}

export type BgpPathReport = ReturnType<typeof pathReport>;

function followed(log: SessionLog): Stream {
  return {
    open: (send) => log.follow((event: SessionEvent) => void send(JSON.stringify(event))),
  };
}
