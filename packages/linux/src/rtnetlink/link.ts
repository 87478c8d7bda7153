import { ByteReader } from "@ocicat/net";
import { Attributes, type MessageWriter } from "@ocicat/netlink";
import type { KernelOperation, Link, LinkChange, VethSpec } from "../kernel/kernel.ts";
import {
  AF_UNSPEC,
  ARPHRD_ETHER,
  ARPHRD_LOOPBACK,
  IFF_LOOPBACK,
  IFF_LOWER_UP,
  IFF_UP,
  RTM_DELLINK,
  RTM_GETLINK,
  RTM_SETLINK,
} from "./constants.ts";
import { macIn } from "./family.ts";
import {
  encodeBirth,
  encodeIdentity,
  IFLA_ADDRESS,
  IFLA_IFNAME,
  IFLA_INFO_DATA,
  IFLA_INFO_KIND,
  IFLA_LINKINFO,
  IFLA_MTU,
  LINK_HEADER,
  linkHeader,
} from "./link-birth.ts";
import { tunnelFrom } from "./tunnel.ts";

const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_GROUP = 27;
const IFLA_NET_NS_FD = 28;
const VETH_INFO_PEER = 1;

/** Undefined if it speaks of the bridge's view of a port (family AF_BRIDGE), which comes and goes while the link stays. */
export function linkFrom(payload: Uint8Array): Link | undefined {
  const reader = new ByteReader(payload);
  const family = reader.u8();
  reader.skip(1);
  const hardware = reader.u16le();
  const index = reader.i32le();
  const flags = reader.u32le();
  if (family !== AF_UNSPEC) return undefined;
  const attributes = new Attributes(payload.subarray(LINK_HEADER));
  const info = attributes.nested(IFLA_LINKINFO);
  const kind = info?.string(IFLA_INFO_KIND) ?? "";
  const hasMac = hardware === ARPHRD_ETHER || hardware === ARPHRD_LOOPBACK;
  return {
    index,
    name: attributes.string(IFLA_IFNAME) ?? "",
    kind,
    mtu: attributes.u32(IFLA_MTU) ?? 0,
    mac: hasMac ? macIn(attributes.bytes(IFLA_ADDRESS)) : undefined,
    up: (flags & IFF_UP) !== 0,
    running: (flags & IFF_LOWER_UP) !== 0,
    loopback: (flags & IFF_LOOPBACK) !== 0,
    master: attributes.u32(IFLA_MASTER) ?? 0,
    group: attributes.u32(IFLA_GROUP) ?? 0,
    peerIndex: kind === "veth" ? attributes.u32(IFLA_LINK) : undefined,
    tunnel: tunnelFrom(kind, info?.nested(IFLA_INFO_DATA)),
  };
}

/** All links (as a dump), or the one of a name. */
export function encodeGetLink(out: MessageWriter, flags: number, sequence: number, name?: string): void {
  out.begin(RTM_GETLINK, flags, sequence, linkHeader({}));
  if (name !== undefined) out.string(IFLA_IFNAME, name);
}

type Operation<K extends KernelOperation["op"]> = Extract<KernelOperation, { op: K }>;

export function encodeVeth(out: MessageWriter, flags: number, sequence: number, veth: VethSpec): void {
  encodeBirth(out, flags, sequence, "veth", veth, (data) =>
    data.nested(VETH_INFO_PEER, (peer) => {
      peer.raw(linkHeader({}));
      encodeIdentity(peer, veth.peer);
      if (veth.peer.namespaceFd !== undefined) peer.u32(IFLA_NET_NS_FD, veth.peer.namespaceFd);
    }),
  );
}

export function encodeBridge(
  out: MessageWriter,
  flags: number,
  sequence: number,
  bridge: Operation<"link.bridge">,
): void {
  encodeBirth(out, flags, sequence, "bridge", bridge);
}

export function encodeIfb(out: MessageWriter, flags: number, sequence: number, ifb: Operation<"link.ifb">): void {
  encodeBirth(out, flags, sequence, "ifb", { ...ifb, up: true });
}

export function encodeSetLink(
  out: MessageWriter,
  flags: number,
  sequence: number,
  index: number,
  change: LinkChange,
): void {
  out.begin(RTM_SETLINK, flags, sequence, linkHeader({ index, up: change.up }));
  encodeIdentity(out, change);
  if (change.master !== undefined) out.u32(IFLA_MASTER, change.master);
  if (change.group !== undefined) out.u32(IFLA_GROUP, change.group);
  if (change.namespaceFd !== undefined) out.u32(IFLA_NET_NS_FD, change.namespaceFd);
}

export function encodeDeleteLink(out: MessageWriter, flags: number, sequence: number, index: number): void {
  out.begin(RTM_DELLINK, flags, sequence, linkHeader({ index }));
}

/** Deletes all links of a group in one go. */
export function encodeDeleteGroup(out: MessageWriter, flags: number, sequence: number, group: number): void {
  out.begin(RTM_DELLINK, flags, sequence, linkHeader({ index: 0 }));
  out.u32(IFLA_GROUP, group);
}
