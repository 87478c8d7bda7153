import { type Address, formatAddress } from "@ocicat/net";
import type { Header } from "../frame/layer.ts";

/** A header with its addresses as text: what JSON can say. */
export type PlainHeader = Header extends infer One ? (One extends Header ? Plain<One> : never) : never;

type Plain<H> = {
  readonly [Field in keyof H]: H[Field] extends Address
    ? string
    : H[Field] extends Address | undefined
      ? string | undefined
      : H[Field] extends readonly Header[]
        ? readonly PlainHeader[]
        : H[Field];
};

export function plainHeader(header: Header): PlainHeader {
  switch (header.layer) {
    case "ethernet":
    case "udp":
    case "tcp":
    case "vxlan":
      return header;
    case "arp":
      return { ...header, sender: formatAddress(header.sender), target: formatAddress(header.target) };
    case "ipv4":
      return { ...header, source: formatAddress(header.source), destination: formatAddress(header.destination) };
    case "ipv6":
      return { ...header, source: formatAddress(header.source), destination: formatAddress(header.destination) };
    case "icmp":
      return { ...header, quoted: header.quoted.map(plainHeader) };
    case "icmp6": {
      const target = header.target === undefined ? undefined : formatAddress(header.target);
      return { ...header, target, quoted: header.quoted.map(plainHeader) };
    }
  }
}
