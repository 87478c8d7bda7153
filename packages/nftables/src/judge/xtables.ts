import { Attributes } from "@ocicat/netlink";
import type { Opaque } from "../ir/expression.ts";
import type { Travelling } from "./packet.ts";

/*
 * iptables over nftables keeps its own matches and targets as the kernel's expressions "match" and "target": a name, a
 * revision, and a C struct (<linux/netfilter/xt_*.h>) in the machine's byte order. Those that decide whether a packet is
 * dropped in rulesets that are met (docker's, Kubernetes', ufw's) are read here; the others cannot be said.
 */
const XT_NAME = 1;
const XT_REVISION = 2;
const XT_INFO = 3;

/** What an extension is called, as `-m` and `-j` name it. */
export function extensionName(expression: Opaque): string {
  return new Attributes(expression.data).string(XT_NAME) ?? "";
}

/** Whether a packet gets past a match; undefined: it cannot be said. */
export function extensionMatches(expression: Opaque, packet: Travelling): boolean | undefined {
  const attributes = new Attributes(expression.data);
  const info = attributes.bytes(XT_INFO);
  const match = MATCHES[`${attributes.string(XT_NAME)} ${attributes.u32be(XT_REVISION) ?? 0}`];
  if (match === undefined || info === undefined || info.length < match.bytes) return undefined;
  return match.holds(new DataView(info.buffer, info.byteOffset, info.length), packet);
}

/** What a target does; undefined: it cannot be said. */
export function extensionDoes(expression: Opaque): "drop" | "goes on" | undefined {
  const name = extensionName(expression);
  if (name === "REJECT") return "drop";
  return HARMLESS.has(name) ? "goes on" : undefined;
}

/** Targets after which the next rule is met, or which let the packet by changed. */
const HARMLESS: ReadonlySet<string> = new Set(
  (
    "AUDIT CHECKSUM CLASSIFY CONNMARK CT DNAT DSCP LOG MARK MASQUERADE NETMAP NFLOG NOTRACK REDIRECT SET SNAT TCPMSS TEE " +
    "TOS TRACE"
  ).split(" "),
);

interface Extension {
  /** The struct's, at least. */
  readonly bytes: number;
  readonly holds: (info: DataView, packet: Travelling) => boolean | undefined;
}

/*
 * xt_conntrack_mtinfo3:
 *      0                       128        146          148           150         152
 *      +-----------------------+- - - - - +------------+-------------+-----------+- - -
 *      | 4 addresses and masks |          | what is    | of them,    | states    |
 *      |                       |          | looked at  | inverted    |           |
 *      +-----------------------+- - - - - +------------+-------------+-----------+- - -
 * The bits of a state are nftables', with two more for connections that NAT has changed.
 */
const STATE_FLAG = 1;
const NAT_STATES = 0xc0;

const conntrack: Extension = {
  bytes: 152,
  holds(info, { state }) {
    const [looksAt, inverted, states] = [
      info.getUint16(146, true),
      info.getUint16(148, true),
      info.getUint16(150, true),
    ];
    if (looksAt !== STATE_FLAG || state === undefined || (states & NAT_STATES) !== 0) return undefined;
    return ((states & state) !== 0) !== ((inverted & STATE_FLAG) !== 0);
  },
};

/*
 * xt_multiport_v1:
 *      0       1       2             32              47
 *      +-------+-------+-------------+---------------+--------+
 *      | which | count | 15 ports    | 15 × "and the | invert |
 *      |       |       | of 16 bits  | next ends it" |        |
 *      +-------+-------+-------------+---------------+--------+
 *        0 source, 1 destination, 2 either
 */
const multiport: Extension = {
  bytes: 48,
  holds(info, { sourcePort, destinationPort }) {
    const which = info.getUint8(0);
    const ports = [...(which === 1 ? [] : [sourcePort]), ...(which === 0 ? [] : [destinationPort])];
    if (ports.some((port) => port === undefined)) return undefined;
    const ranges: { readonly first: number; readonly last: number }[] = [];
    for (let index = 0; index < Math.min(info.getUint8(1), 15); index++) {
      const first = info.getUint16(2 + 2 * index, true);
      const isRange = info.getUint8(32 + index) !== 0;
      ranges.push({ first, last: isRange ? info.getUint16(4 + 2 * index, true) : first });
      if (isRange) index += 1;
    }
    const found = ports.some((port = 0) => ranges.some(({ first, last }) => first <= port && port <= last));
    return found !== (info.getUint8(47) !== 0);
  },
};

/*
 * xt_tcp and xt_udp begin alike, and end with what is inverted; in between TCP's has its options and flags:
 *      0                     4                          8
 *      +----------+----------+------------+-------------+- - - - - - - - - -+----------+
 *      | source, first, last | destination, first, last | option, mask, cmp | inverted |
 *      +----------+----------+------------+-------------+- - - - - - - - - -+----------+
 */
const ports = (bytes: number): Extension => ({
  bytes,
  holds(info, { sourcePort, destinationPort }) {
    // A first segment of a connection has flags that are not known here.
    for (let at = 8; at < bytes - 1; at++) if (info.getUint8(at) !== 0) return undefined;
    const inverted = info.getUint8(bytes - 1);
    const inRange = (port: number | undefined, at: number, bit: number) => {
      const [first, last] = [info.getUint16(at, true), info.getUint16(at + 2, true)];
      if (first === 0 && last === 0xffff) return true;
      return port === undefined ? undefined : (first <= port && port <= last) !== ((inverted & bit) !== 0);
    };
    const answers = [inRange(sourcePort, 0, 1), inRange(destinationPort, 4, 2)];
    if (answers.includes(false)) return false;
    return answers.includes(undefined) ? undefined : true;
  },
});

const MATCHES: Readonly<Record<string, Extension>> = {
  "comment 0": { bytes: 0, holds: () => true },
  "conntrack 3": conntrack,
  "multiport 1": multiport,
  "tcp 0": ports(12),
  "udp 0": ports(9),
};
