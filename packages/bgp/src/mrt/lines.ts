import { formatAddress, type Prefix } from "@ocicat/net";
import { BgpError } from "../error.ts";
import { COMMUNITY } from "../wire/attributes/communities.ts";
import type { AsPath, PathAttributes } from "../wire/attributes/types.ts";
import type { Message, UpdateMessage } from "../wire/message.ts";
import type { Nlri } from "../wire/nlri.ts";
import { formatNotification } from "../wire/notification.ts";
import type { MrtEntry } from "./decode.ts";
import { MICROSECONDS, MRT_TYPE, type MrtRecord } from "./record.ts";

/**
 * A record as lines, each without its end, in the form that bgpdump's -m has made common: fields between bars.
 *
 *     TABLE_DUMP2|time|B|peer|its AS|prefix|AS_PATH|ORIGIN|NEXT_HOP|LOCAL_PREF|MED|communities|AG or NAG|aggregator|
 *     BGP4MP|time|A|…                        an announcement, the same fields
 *     BGP4MP|time|W|peer|its AS|prefix       a withdrawal
 *     BGP4MP|time|STATE|peer|its AS|1|6      states by RFC 4271's numbers
 *
 * With path identifiers the first field ends in _AP, and the identifier stands behind the prefix. Beyond bgpdump: large
 * communities stand in the last field, which is empty there; what was said and not heard has a > before its kind; and OPEN,
 * KEEPALIVE, NOTIFICATION, ROUTE-REFRESH, End-of-RIB and what is malformed have lines.
 */
export function linesOf(entry: MrtEntry): readonly string[] {
  const { record } = entry;
  switch (entry.kind) {
    case "peers":
      return [];
    case "other":
      return [`OTHER|${timeOf(record)}|type ${record.type}.${record.subtype}|${record.body.length} bytes`];
    case "state":
      return [[...sessionFields(entry, "STATE"), entry.from, entry.to].join("|")];
    case "paths":
      return entry.paths.map(({ peer, pathId, attributes, problems }) => {
        const type = pathId === undefined ? "TABLE_DUMP2" : "TABLE_DUMP2_AP";
        const from = [type, timeOf(record), "B", formatAddress(peer.address), peer.as, withId(entry.prefix, pathId)];
        if (attributes === undefined) return [...from, `unusable: ${problems.join("; ")}`].join("|");
        return [...from, ...attributeFields(attributes)].join("|");
      });
    case "message":
      return messageLines(entry, entry.decoded);
  }
}

type MessageEntry = Extract<MrtEntry, { kind: "message" }>;

function messageLines(entry: MessageEntry, message: Message | BgpError): readonly string[] {
  const line = (kind: string, ...fields: readonly string[]) => [...sessionFields(entry, kind), ...fields].join("|");
  if (message instanceof BgpError) return [line("MALFORMED", message.message)];
  switch (message.type) {
    case "update":
      return updateLines(message, line);
    case "open":
      return [line("OPEN", `AS ${message.as}`, `hold ${message.holdTimeS} s`, formatAddress(message.routerId))];
    case "notification":
      return [line("NOTIFICATION", formatNotification(message))];
    case "keepalive":
      return [line("KEEPALIVE")];
    case "route-refresh":
      return [line("ROUTE-REFRESH", `IPv${message.family}`, String(message.subtype))];
  }
}

function updateLines(
  { withdrawn, announced, endOfRib, problems }: UpdateMessage,
  line: (kind: string, ...fields: readonly string[]) => string,
): readonly string[] {
  if (endOfRib !== undefined) return [line("END-OF-RIB", `IPv${endOfRib}`)];
  return [
    ...problems.map(({ name, what, treatment }) => line("PROBLEM", `${name}: ${what} (${treatment})`)),
    ...prefixesOf(withdrawn).map((prefix) => line("W", prefix)),
    ...announced.flatMap((one) => {
      const fields = attributeFields(one.attributes);
      return prefixesOf(one).map((prefix) => line("A", prefix, ...fields));
    }),
  ];
}

function prefixesOf({ prefixes, pathIds }: Nlri): string[] {
  return prefixes.map((prefix, index) => withId(prefix, pathIds?.[index]));
}

function withId(prefix: Prefix, pathId: number | undefined): string {
  return pathId === undefined ? prefix.toString() : `${prefix.toString()}|${pathId}`;
}

function sessionFields(entry: Extract<MrtEntry, { kind: "message" | "state" }>, kind: string) {
  const { record, peerAddress, peerAs } = entry;
  const said = entry.kind === "message" && entry.sent ? ">" : "";
  const type = record.type === MRT_TYPE.bgp4mpEt ? "BGP4MP_ET" : "BGP4MP";
  const withIds = entry.kind === "message" && entry.addPath ? "_AP" : "";
  return [`${type}${withIds}`, timeOf(record), `${said}${kind}`, formatAddress(peerAddress), String(peerAs)];
}

/** Seconds since 1970; with microseconds where the record has them. */
function timeOf({ time, type }: MrtRecord): string {
  const seconds = (time / MICROSECONDS).toString();
  if (type !== MRT_TYPE.bgp4mpEt) return seconds;
  return `${seconds}.${(time % MICROSECONDS).toString().padStart(6, "0")}`;
}

/** RFC 1997's, as bgpdump calls them; it knows no others. */
const NAMES: ReadonlyMap<number, string> = new Map([
  [COMMUNITY.noExport, "no-export"],
  [COMMUNITY.noAdvertise, "no-advertise"],
  [COMMUNITY.noExportSubconfed, "local-AS"],
]);

const ORIGINS = ["IGP", "EGP", "INCOMPLETE"] as const;

function attributeFields(attributes: PathAttributes): readonly string[] {
  const { asPath, origin, nextHop, localPref = 0, med = 0, communities = [], largeCommunities = [] } = attributes;
  const { aggregator } = attributes;
  return [
    asPathText(asPath),
    ORIGINS[origin],
    formatAddress(nextHop),
    String(localPref),
    String(med),
    communities.map((one) => NAMES.get(one) ?? `${one >>> 16}:${one & 0xffff}`).join(" "),
    attributes.atomicAggregate === undefined ? "NAG" : "AG",
    aggregator === undefined ? "" : `${aggregator.as} ${formatAddress(aggregator.address)}`,
    largeCommunities.map((one) => one.join(":")).join(" "),
  ];
}

/** Members of sets stand between commas. */
function asPathText(path: AsPath): string {
  const text = {
    sequence: (asns: readonly number[]) => asns.join(" "),
    set: (asns: readonly number[]) => `{${asns.join(",")}}`,
    "confed-sequence": (asns: readonly number[]) => `(${asns.join(" ")})`,
    "confed-set": (asns: readonly number[]) => `[${asns.join(",")}]`,
  };
  return path.map(({ type, asns }) => text[type](asns)).join(" ");
}
