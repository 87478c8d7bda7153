import type { Address } from "@ocicat/net";

/** A packet that a rule has logged to a group (`log group 1 prefix "…"`), as far as its headers say. */
export interface LoggedPacket {
  /** NFLOG group, 0..65535. */
  readonly group: number;
  /** What the rule calls itself; at most 127 bytes. */
  readonly prefix: string;
  /** NF_INET_*: 0 prerouting, 1 input, 2 forward, 3 output, 4 postrouting. */
  readonly hook: number;
  /** Index of the link it came by; 0 if it was made here. */
  readonly inLink: number;
  /** Index of the link it would leave by; 0 if that is not known yet. */
  readonly outLink: number;
  readonly source: Address;
  readonly destination: Address;
  /** 0..255; of IPv6 what comes behind its extension headers. */
  readonly protocol: number;
  /** Undefined where the protocol has none, and in later fragments. */
  readonly sourcePort: number | undefined;
  readonly destinationPort: number | undefined;
  readonly icmp: { readonly type: number; readonly code: number } | undefined;
  /** Bytes, with the IP header. */
  readonly length: number;
}

/**
 * Told from the event loop, once a turn. `lost`: how many packets were logged and never came here since the last call, because
 * there were too many at once.
 */
export type OnLoggedPackets = (packets: readonly LoggedPacket[], lost: number) => void;
