import { addressToBytes, ByteReader, familyOf } from "@ocicat/net";
import { type AttributeSink, Attributes, type MessageWriter, NLM_F_CREATE, NLM_F_EXCL } from "@ocicat/netlink";
import type { KernelOperation, Link, LinkChange, VethSpec, VxlanSpec } from "../kernel/kernel.ts";
import {
  AF_UNSPEC,
  ARPHRD_ETHER,
  ARPHRD_LOOPBACK,
  IFF_LOOPBACK,
  IFF_LOWER_UP,
  IFF_UP,
  RTM_DELLINK,
  RTM_GETLINK,
  RTM_NEWLINK,
  RTM_SETLINK,
} from "./constants.ts";
import { macBytes, macIn } from "./family.ts";
import { FixedHeader } from "./header.ts";

const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINK = 5;
const IFLA_MASTER = 10;
const IFLA_GROUP = 27;
const IFLA_LINKINFO = 18;
const IFLA_NET_NS_FD = 28;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const VETH_INFO_PEER = 1;
const IFLA_VXLAN_ID = 1;
const IFLA_VXLAN_LINK = 3;
const IFLA_VXLAN_LOCAL = 4;
const IFLA_VXLAN_LEARNING = 7;
const IFLA_VXLAN_PORT = 15;
const IFLA_VXLAN_LOCAL6 = 17;

/*
 *      0        1     2        4             8             12            16
 *      +--------+-----+--------+-------------+-------------+-------------+- - - - - -
 *      | family | 0   | type   | index       | flags       | change mask | attributes
 *      +--------+-----+--------+-------------+-------------+-------------+- - - - - -
 *                      ARPHRD_*                IFF_*         bits of flags to set
 */
const HEADER = 16;

/** Undefined if it speaks of the bridge's view of a port (family AF_BRIDGE), which comes and goes while the link stays. */
export function linkFrom(payload: Uint8Array): Link | undefined {
  const reader = new ByteReader(payload);
  const family = reader.u8();
  reader.skip(1);
  const hardware = reader.u16le();
  const index = reader.i32le();
  const flags = reader.u32le();
  if (family !== AF_UNSPEC) return undefined;
  const attributes = new Attributes(payload.subarray(HEADER));
  const kind = attributes.nested(IFLA_LINKINFO)?.string(IFLA_INFO_KIND) ?? "";
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
    peerIndex: kind === "veth" ? attributes.u32(IFLA_LINK) : undefined,
  };
}

interface LinkHeader {
  readonly index?: number;
  readonly up?: boolean | undefined;
}

function header({ index = 0, up }: LinkHeader): Uint8Array {
  return new FixedHeader(HEADER)
    .u32(4, index)
    .u32(8, up === true ? IFF_UP : 0)
    .u32(12, up === undefined ? 0 : IFF_UP).bytes;
}

/** `up: false` at birth is how links are born: then the kernel must not be asked to change anything. */
function birthHeader(up: boolean | undefined): Uint8Array {
  return header(up === true ? { up } : {});
}

/** All links (as a dump), or the one of a name. */
export function encodeGetLink(out: MessageWriter, flags: number, sequence: number, name?: string): void {
  out.begin(RTM_GETLINK, flags, sequence, header({}));
  if (name !== undefined) out.string(IFLA_IFNAME, name);
}

type Operation<K extends KernelOperation["op"]> = Extract<KernelOperation, { op: K }>;

const BIRTH = NLM_F_CREATE | NLM_F_EXCL;

export function encodeVeth(out: MessageWriter, flags: number, sequence: number, veth: VethSpec): void {
  out.begin(RTM_NEWLINK, flags | BIRTH, sequence, birthHeader(veth.up));
  identity(out, veth);
  out.nested(IFLA_LINKINFO, (info) => {
    info.string(IFLA_INFO_KIND, "veth");
    info.nested(IFLA_INFO_DATA, (data) =>
      data.nested(VETH_INFO_PEER, (peer) => {
        peer.raw(header({}));
        identity(peer, veth.peer);
        if (veth.peer.namespaceFd !== undefined) peer.u32(IFLA_NET_NS_FD, veth.peer.namespaceFd);
      }),
    );
  });
}

export function encodeBridge(
  out: MessageWriter,
  flags: number,
  sequence: number,
  bridge: Operation<"link.bridge">,
): void {
  out.begin(RTM_NEWLINK, flags | BIRTH, sequence, header({}));
  identity(out, bridge);
  out.nested(IFLA_LINKINFO, (info) => info.string(IFLA_INFO_KIND, "bridge"));
}

export function encodeVxlan(out: MessageWriter, flags: number, sequence: number, vxlan: VxlanSpec): void {
  out.begin(RTM_NEWLINK, flags | BIRTH, sequence, header({}));
  identity(out, vxlan);
  out.nested(IFLA_LINKINFO, (info) => {
    info.string(IFLA_INFO_KIND, "vxlan");
    info.nested(IFLA_INFO_DATA, (data) => {
      data.u32(IFLA_VXLAN_ID, vxlan.id).u8(IFLA_VXLAN_LEARNING, 0).u16be(IFLA_VXLAN_PORT, vxlan.port);
      if (vxlan.parent !== undefined) data.u32(IFLA_VXLAN_LINK, vxlan.parent);
      if (vxlan.local === undefined) return;
      const attribute = familyOf(vxlan.local) === 4 ? IFLA_VXLAN_LOCAL : IFLA_VXLAN_LOCAL6;
      data.bytes(attribute, addressToBytes(vxlan.local));
    });
  });
}

export function encodeSetLink(
  out: MessageWriter,
  flags: number,
  sequence: number,
  index: number,
  change: LinkChange,
): void {
  out.begin(RTM_SETLINK, flags, sequence, header({ index, up: change.up }));
  identity(out, change);
  if (change.master !== undefined) out.u32(IFLA_MASTER, change.master);
  if (change.namespaceFd !== undefined) out.u32(IFLA_NET_NS_FD, change.namespaceFd);
}

export function encodeDeleteLink(out: MessageWriter, flags: number, sequence: number, index: number): void {
  out.begin(RTM_DELLINK, flags, sequence, header({ index }));
}

/** Puts a link into a group; every link is in group 0 unless told. */
export function encodeSetGroup(
  out: MessageWriter,
  flags: number,
  sequence: number,
  index: number,
  group: number,
): void {
  out.begin(RTM_SETLINK, flags, sequence, header({ index }));
  out.u32(IFLA_GROUP, group);
}

/** Deletes all links of a group in one go. */
export function encodeDeleteGroup(out: MessageWriter, flags: number, sequence: number, group: number): void {
  out.begin(RTM_DELLINK, flags, sequence, header({ index: 0 }));
  out.u32(IFLA_GROUP, group);
}

type Identity = Pick<LinkChange, "name" | "mac" | "mtu"> | Pick<VethSpec, "name" | "mac" | "mtu">;

function identity(out: AttributeSink, { name, mac, mtu }: Identity): void {
  if (name !== undefined) out.string(IFLA_IFNAME, name);
  if (mac !== undefined) out.bytes(IFLA_ADDRESS, macBytes(mac));
  if (mtu !== undefined) out.u32(IFLA_MTU, mtu);
}
