import { OcicatError } from "@ocicat/kit";
import { formatAddress, isLinkLocal } from "@ocicat/net";
import type { DynamicPeerConfig, PeerConfig } from "./types.ts";

const MAX_AS = 2 ** 32 - 1;

type Checked = PeerConfig | DynamicPeerConfig;

/** A number of a peering that must be whole and within bounds. */
interface Bounds {
  readonly what: (value: number) => string;
  readonly value: (config: Checked) => number | undefined;
  readonly least: number;
  readonly most: number;
  /** Allowed as well. */
  readonly also?: number;
  readonly fix: string;
}

const BOUNDS: readonly Bounds[] = [
  {
    what: (value) => `AS ${value} is not from 1 to ${MAX_AS}`,
    value: ({ remoteAs }) => remoteAs,
    least: 1,
    most: MAX_AS,
    fix: "set remoteAs",
  },
  {
    what: (value) => `own AS ${value} is not from 1 to ${MAX_AS}`,
    value: ({ localAs }) => localAs,
    least: 1,
    most: MAX_AS,
    fix: "set localAs, or leave it out",
  },
  {
    what: (value) => `our own AS ${value} times`,
    value: ({ allowedOwnAs }) => allowedOwnAs,
    least: 0,
    most: Number.MAX_SAFE_INTEGER,
    fix: "set allowedOwnAs to 0 or more",
  },
  {
    what: (value) => `port ${value}`,
    value: (config) => ("remotePort" in config ? config.remotePort : undefined),
    least: 1,
    most: 65_535,
    fix: "set a port from 1 to 65535",
  },
  {
    what: (value) => `a hold time of ${value} s`,
    value: ({ holdTimeS }) => holdTimeS,
    least: 3,
    most: 65_535,
    also: 0,
    fix: "set 0, or 3 to 65535 (RFC 4271 §4.2)",
  },
  {
    what: (value) => `a keepalive time of ${value} s`,
    value: ({ keepaliveS }) => keepaliveS,
    least: 1,
    most: 65_535,
    fix: "set 1 to 65535",
  },
  {
    what: (value) => `a restart time of ${value} s`,
    value: ({ gracefulRestart }) => gracefulRestart?.restartTimeS,
    least: 0,
    most: 4095,
    fix: "set 0 to 4095 (RFC 4724 §3)",
  },
  {
    what: (value) => `a long-lived restart time of ${value} s`,
    value: ({ gracefulRestart }) => gracefulRestart?.longLivedS,
    least: 0,
    most: 2 ** 24 - 1,
    fix: "set 0 to 16777215 (RFC 9494 §3.1)",
  },
  {
    what: (value) => `a limit of ${value} prefixes`,
    value: ({ prefixLimit }) => prefixLimit,
    least: 1,
    most: 2 ** 32 - 1,
    fix: "set 1 or more, or leave it out",
  },
  {
    what: (value) => `a limit of ${value} peers`,
    value: (config) => ("limit" in config ? config.limit : undefined),
    least: 1,
    most: Number.MAX_SAFE_INTEGER,
    fix: "set 1 or more",
  },
  {
    what: (value) => `a time to live of ${value}`,
    value: ({ security }) => security?.ttl,
    least: 1,
    most: 255,
    fix: "set 1 to 255",
  },
  {
    what: (value) => `a least time to live of ${value}`,
    value: ({ security }) => security?.minTtl,
    least: 1,
    most: 255,
    fix: "set 1 to 255 (RFC 5082)",
  },
];

/** RFC 2385 §4.5: what the kernel takes (TCP_MD5SIG_MAXKEYLEN). */
const MAX_PASSWORD = 80;

/** Throws OcicatError on the first mistake that the configuration makes by itself. */
export function checkPeer(config: Checked, localAs: number): void {
  for (const { what, value, least, most, also, fix } of BOUNDS) {
    const found = value(config);
    if (found === undefined || found === also) continue;
    if (!Number.isInteger(found) || found < least || found > most) throw invalidPeer(config, what(found), fix);
  }
  if ("remoteAddress" in config) checkLink(config);
  if (config.families?.length === 0) throw invalidPeer(config, "no address family", "list 4, 6 or both");
  if (config.role !== undefined && config.remoteAs === localAs) {
    const what = `role ${config.role} towards a peer of the same AS`;
    throw invalidPeer(config, what, "leave it out: roles are external peers'");
  }
  const { length } = config.security?.password ?? { length: 1 };
  if (length === 0 || length > MAX_PASSWORD) {
    throw invalidPeer(config, `a password of ${length} characters`, `set 1 to ${MAX_PASSWORD}, or none`);
  }
}

/** RFC 4007 §6: a link-local address is known on its link alone. */
function checkLink(config: PeerConfig): void {
  const { remoteAddress, link } = config;
  const address = formatAddress(remoteAddress);
  if (isLinkLocal(remoteAddress) && link === undefined)
    throw invalidPeer(config, `${address} is link-local, and no link is named`, "set link to the interface's name");
  if (!isLinkLocal(remoteAddress) && link !== undefined)
    throw invalidPeer(config, `link ${link} beside ${address}, which is not link-local`, "leave link out");
}

export function invalidPeer({ name }: { readonly name: string }, what: string, fix: string): OcicatError {
  return new OcicatError({ code: "BGP_PEER_INVALID", where: `BGP peer ${name}`, what, fix });
}
