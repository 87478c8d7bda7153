import { ByteReader, TruncatedError } from "@ocicat/net";
import { readArp } from "./arp.ts";
import { readEthernet } from "./ethernet.ts";
import { readIcmp } from "./icmp.ts";
import { readIcmp6 } from "./icmp6.ts";
import { readIpv4 } from "./ipv4.ts";
import { readIpv6 } from "./ipv6.ts";
import type { Header, HeaderName, Layer } from "./layer.ts";
import type { ReadHeader } from "./step.ts";
import { readTcp } from "./tcp.ts";
import { readUdp } from "./udp.ts";
import { readVxlan } from "./vxlan.ts";

const READERS: Readonly<Record<HeaderName, ReadHeader>> = {
  ethernet: readEthernet,
  arp: readArp,
  ipv4: readIpv4,
  ipv6: readIpv6,
  icmp: readIcmp,
  icmp6: readIcmp6,
  udp: readUdp,
  tcp: readTcp,
  vxlan: readVxlan,
};

/** What frames of an interface begin with: an Ethernet header, or as on tunl0 the IP packet itself. */
export type LinkType = "ethernet" | "ip";

/**
 * A frame's headers from the outside in, through tunnels, and then what it carries. Never throws: where the bytes end
 * within a header the last layer is a `cut`.
 */
export function decodeFrame(bytes: Uint8Array, linkType: LinkType): readonly Layer[] {
  return decodeFrom(linkType === "ethernet" ? "ethernet" : ipVersion(bytes), new ByteReader(bytes), true);
}

/** The version stands in the first four bits of either. */
function ipVersion(bytes: Uint8Array): "ipv4" | "ipv6" {
  return (bytes[0] ?? 0) >>> 4 === 6 ? "ipv6" : "ipv4";
}

function decodeFrom(first: HeaderName, bytes: ByteReader, withQuotes: boolean): readonly Layer[] {
  const layers: Layer[] = [];
  // An error never answers an error (RFC 1122 §3.2.2): within a quote none is read, and nothing goes on for ever.
  const quote = (name: HeaderName, quoted: ByteReader): Header[] =>
    withQuotes ? decodeFrom(name, quoted, false).filter(isHeader) : [];
  let next: HeaderName | undefined = first;
  let rest = bytes;
  while (next !== undefined) {
    const name: HeaderName = next;
    try {
      const step = READERS[name](rest, quote);
      layers.push(step.header);
      next = step.next;
      rest = step.payload;
    } catch (error) {
      if (!(error instanceof TruncatedError)) throw error;
      return [...layers, { layer: "cut", within: name }];
    }
  }
  return rest.left === 0 ? layers : [...layers, { layer: "payload", bytes: rest.bytes(rest.left) }];
}

function isHeader(layer: Layer): layer is Header {
  return layer.layer !== "payload" && layer.layer !== "cut";
}
