import { ByteReader, type Family } from "@ocicat/net";
import { BgpError } from "../error.ts";
import { AS_TRANS, mergeAs4Path } from "./attributes/as-path.ts";
import { type AttributeList, type AttributeProblem, decodeAttributes } from "./attributes/decode.ts";
import type { DecodedAttributes } from "./attributes/descriptor.ts";
import type { PathAttributes } from "./attributes/types.ts";
import type { CodecContext } from "./context.ts";
import type { Announcement, UpdateMessage } from "./message.ts";
import { decodeNlri, joinNlri, type Nlri, NlriError, NO_NLRI, nlriCount } from "./nlri.ts";

/**
 * RFC 4271 §4.3
 *
 *     +-----------------------------------------------------+
 *     |  length of the withdrawn routes, 2 bytes            |
 *     +-----------------------------------------------------+
 *     |  withdrawn IPv4 prefixes                            |
 *     +-----------------------------------------------------+
 *     |  length of the path attributes, 2 bytes             |
 *     +-----------------------------------------------------+
 *     |  path attributes (MP_REACH_NLRI, MP_UNREACH_NLRI)   |
 *     +-----------------------------------------------------+
 *     |  announced IPv4 prefixes, to the end                |
 *     +-----------------------------------------------------+
 */
interface Fields {
  readonly withdrawn: Nlri;
  readonly attributes: Uint8Array;
  readonly announced: Nlri;
}

/** Throws BgpError for what ends the session (RFC 4271 §6.3 as revised by RFC 7606); the rest is in `problems`. */
export function decodeUpdate(body: Uint8Array, context: CodecContext): UpdateMessage {
  const fields = split(body, context);
  const list = decodeAttributes(fields.attributes, context);
  const { known } = list;
  if (isEndOfRib(body, fields, list)) return endOfRib(body.length === 4 ? 4 : known.mpUnreach?.family);

  const problems = [...list.problems];
  const speaks = (family: Family) => {
    if (context.families.includes(family)) return true;
    problems.push({ code: 0, name: "NLRI", treatment: "discard", what: `IPv${family} unicast was not agreed on` });
    return false;
  };
  const reach = known.mpReach !== undefined && speaks(known.mpReach.family) ? known.mpReach : undefined;
  const unreach = known.mpUnreach !== undefined && speaks(known.mpUnreach.family) ? known.mpUnreach : undefined;
  const isPlain = !isEmpty(fields.announced) || !isEmpty(fields.withdrawn);
  const plain = isPlain && speaks(4) ? fields : undefined;

  const announced = plain?.announced ?? NO_NLRI;
  const withdrawn = [plain?.withdrawn ?? NO_NLRI, unreach?.nlri ?? NO_NLRI];
  const announcing = [announced, reach?.nlri ?? NO_NLRI];
  if (!announcing.every(isEmpty)) problems.push(...missing(list, !isEmpty(announced)));
  if (problems.some(({ treatment }) => treatment === "withdraw")) {
    requireSomeNlri(fields, list, problems);
    const all = joinNlri([...withdrawn, ...announcing]);
    return { type: "update", withdrawn: all, announced: [], endOfRib: undefined, problems };
  }
  return {
    type: "update",
    withdrawn: joinNlri(withdrawn),
    announced: announcements(list, announced, reach, context),
    endOfRib: undefined,
    problems,
  };
}

function isEmpty(nlri: Nlri): boolean {
  return nlriCount(nlri) === 0;
}

function split(body: Uint8Array, context: CodecContext): Fields {
  const reader = new ByteReader(body);
  const withdrawnLength = reader.u16();
  if (withdrawnLength + 2 > reader.left) throw tooLong("withdrawn routes", withdrawnLength);
  const withdrawn = readNlri(reader.sub(withdrawnLength), context);
  const attributesLength = reader.u16();
  if (attributesLength > reader.left) throw tooLong("path attributes", attributesLength);
  const attributes = reader.bytes(attributesLength);
  return { withdrawn, attributes, announced: readNlri(reader, context) };
}

function tooLong(what: string, length: number): BgpError {
  return new BgpError("update/malformed-attribute-list", `${length} bytes of ${what} do not fit the message`);
}

function readNlri(reader: ByteReader, { addPath }: CodecContext): Nlri {
  try {
    return decodeNlri(reader, 4, addPath[4]?.receive === true);
  } catch (error) {
    if (error instanceof NlriError) throw new BgpError("update/invalid-network", error.message, { cause: error });
    throw error;
  }
}

/** RFC 4724 §2: an empty UPDATE for IPv4; else one with an empty MP_UNREACH_NLRI and nothing more. */
function isEndOfRib(
  body: Uint8Array,
  { withdrawn, announced }: Fields,
  { known, unknown, problems }: AttributeList,
): boolean {
  if (body.length === 4) return true;
  const alone = Object.keys(known).length === 1 && unknown.length + problems.length === 0;
  return (
    alone && isEmpty(withdrawn) && isEmpty(announced) && known.mpUnreach !== undefined && isEmpty(known.mpUnreach.nlri)
  );
}

function endOfRib(family: Family | undefined): UpdateMessage {
  return { type: "update", withdrawn: NO_NLRI, announced: [], endOfRib: family, problems: [] };
}

/** RFC 4271 §5 and RFC 4760 §3; a missing one withdraws the routes (RFC 7606 §3 d). One that was malformed has been reported. */
function missing({ known, problems }: AttributeList, needsNextHop: boolean): AttributeProblem[] {
  const required = [
    { code: 1, name: "ORIGIN", there: known.origin !== undefined },
    { code: 2, name: "AS_PATH", there: known.asPath !== undefined },
    { code: 3, name: "NEXT_HOP", there: known.nextHop !== undefined || !needsNextHop },
  ];
  return required
    .filter(({ code, there }) => !there && problems.every((problem) => problem.code !== code))
    .map(({ code, name }) => ({ code, name, treatment: "withdraw" as const, what: "it is missing" }));
}

/** RFC 7606 §5.2: with attributes in error and no announced prefix in sight, what to withdraw is not known. */
function requireSomeNlri({ announced }: Fields, { known }: AttributeList, problems: readonly AttributeProblem[]) {
  if (!isEmpty(announced) || "mpReach" in known) return;
  const worst = problems.find(({ treatment }) => treatment === "withdraw");
  throw new BgpError(
    "update/malformed-attribute-list",
    `${worst?.name}: ${worst?.what}, and no route to withdraw for it`,
  );
}

function announcements(
  list: AttributeList,
  plain: Nlri,
  reach: DecodedAttributes["mpReach"],
  context: CodecContext,
): Announcement[] {
  const { origin, asPath, nextHop } = list.known;
  if (origin === undefined || asPath === undefined) return [];
  const shared = sharedAttributes(list, { origin, asPath }, context);
  const result: Announcement[] = [];
  if (!isEmpty(plain) && nextHop !== undefined) result.push(new Announced({ ...shared, nextHop }, plain));
  if (reach !== undefined && !isEmpty(reach.nlri)) {
    const { nlri, family: _family, ...hops } = reach;
    result.push(new Announced({ ...shared, ...hops }, nlri));
  }
  return result;
}

/** Leaves the prefixes packed until somebody wants them otherwise. */
class Announced implements Announcement {
  readonly attributes: PathAttributes;
  readonly nlri: Nlri;

  constructor(attributes: PathAttributes, nlri: Nlri) {
    this.attributes = attributes;
    this.nlri = nlri;
  }

  get prefixes() {
    return this.nlri.prefixes;
  }

  get pathIds() {
    return this.nlri.pathIds;
  }

  get packed() {
    return this.nlri.packed;
  }
}

/** The attributes of the message without what the wire form alone needs. */
export function sharedAttributes(
  { known, unknown }: AttributeList,
  mandatory: Pick<PathAttributes, "origin" | "asPath">,
  context: CodecContext,
): Omit<PathAttributes, "nextHop"> {
  const { origin, asPath } = mandatory;
  const merged = context.as4 ? undefined : mergeAs4(known, asPath);
  const { med, localPref, atomicAggregate, communities, originatorId, clusterList } = known;
  const { extCommunities, largeCommunities, onlyToCustomer } = known;
  const aggregator = merged?.aggregator ?? known.aggregator;
  // Always in this order, and not by spreading: objects that are made alike are read faster.
  const shared: Mutable<Omit<PathAttributes, "nextHop">> = { origin, asPath: merged?.asPath ?? asPath };
  if (med !== undefined) shared.med = med;
  if (localPref !== undefined) shared.localPref = localPref;
  if (atomicAggregate !== undefined) shared.atomicAggregate = atomicAggregate;
  if (aggregator !== undefined) shared.aggregator = aggregator;
  if (communities !== undefined) shared.communities = communities;
  if (extCommunities !== undefined) shared.extCommunities = extCommunities;
  if (largeCommunities !== undefined) shared.largeCommunities = largeCommunities;
  if (originatorId !== undefined) shared.originatorId = originatorId;
  if (clusterList !== undefined) shared.clusterList = clusterList;
  if (onlyToCustomer !== undefined) shared.onlyToCustomer = onlyToCustomer;
  if (unknown.length > 0) shared.unknown = unknown;
  return shared;
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** RFC 6793 §4.2.3: an AGGREGATOR that is not AS_TRANS was written by a speaker that does not know AS4_PATH: both AS4 attributes are out of date. */
function mergeAs4(
  known: DecodedAttributes,
  asPath: PathAttributes["asPath"],
): Pick<PathAttributes, "asPath" | "aggregator"> {
  const { aggregator, as4Path, as4Aggregator } = known;
  const outdated = aggregator !== undefined && as4Aggregator !== undefined && aggregator.as !== AS_TRANS;
  if (outdated) return { asPath, aggregator };
  return {
    asPath: as4Path === undefined ? asPath : mergeAs4Path(asPath, as4Path),
    ...(aggregator !== undefined && { aggregator: as4Aggregator ?? aggregator }),
  };
}
