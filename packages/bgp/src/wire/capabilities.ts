import { ByteReader, ByteWriter, type Family, TruncatedError } from "@ocicat/net";
import { AFI, FAMILIES, familyFrom, SAFI_UNICAST } from "./family.ts";

/** RFC 4724 §3. */
export interface GracefulRestartCapability {
  /** The restart flag: this speaker has restarted, do not wait for its End-of-RIB. */
  readonly restarting: boolean;
  /** RFC 8538 §2: the N flag, graceful restart after NOTIFICATIONs too. */
  readonly notification: boolean;
  /** 0..4095 seconds. */
  readonly restartTimeS: number;
  /** `forwarding`: the flag that the forwarding state of the family survived. */
  readonly families: readonly { readonly family: Family; readonly forwarding: boolean }[];
}

/** RFC 9494 §3.1: how long the routes of a family may be kept after the restart time. */
export interface LongLivedFamily {
  readonly family: Family;
  readonly forwarding: boolean;
  /** 0..16777215 seconds. */
  readonly staleTimeS: number;
}

/** RFC 7911 §4, as the sender of the OPEN means it: what it is able to do, by family. */
export type AddPath = Readonly<Partial<Record<Family, AddPathDirections>>>;

export interface AddPathDirections {
  readonly send: boolean;
  readonly receive: boolean;
}

/** RFC 9234 §4.1: what the sender of the OPEN is to its peer, in the order of their numbers. */
export const ROLES = ["provider", "rs", "rs-client", "customer", "peer"] as const;
export type Role = (typeof ROLES)[number];

/** What an OPEN announces (RFC 5492). */
export interface Capabilities {
  /** RFC 4760. Undefined: no multiprotocol capability at all, which means IPv4 unicast. */
  readonly families: readonly Family[] | undefined;
  /** RFC 2918. */
  readonly routeRefresh: boolean;
  /** RFC 8654. */
  readonly extendedMessage: boolean;
  /** RFC 8950: families whose routes may have IPv6 next hops. */
  readonly extendedNextHop: readonly Family[];
  /** RFC 9234; several that differ are all kept, so that the session can refuse them. */
  readonly roles: readonly Role[];
  readonly gracefulRestart: GracefulRestartCapability | undefined;
  /** RFC 6793: the AS number of the sender. */
  readonly as4: number | undefined;
  readonly addPath: AddPath;
  /** RFC 7313. */
  readonly enhancedRefresh: boolean;
  /** RFC 9494; undefined: not announced. */
  readonly longLived: readonly LongLivedFamily[] | undefined;
  /** Capabilities, or families of them, that this speaker does not know: kept to be shown. */
  readonly unknown: readonly { readonly code: number; readonly value: Uint8Array }[];
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface CapabilityRow {
  readonly code: number;
  readonly name: string;
  /** False: this value is not understood, keep it as unknown. Reading past the end does the same. */
  decode(value: ByteReader, into: Mutable<Capabilities>): boolean;
  /** The values to announce, one a capability. */
  encode(from: Capabilities): Uint8Array[];
}

const NONE = new Uint8Array(0);
const GR_RESTART = 0x8;
const GR_NOTIFICATION = 0x4;
const GR_FORWARDING = 0x80;
const ADD_PATH_RECEIVE = 1;
const ADD_PATH_SEND = 2;

/** Every capability this speaker knows. A new one is a row here and a member of Capabilities. */
const CAPABILITIES: readonly CapabilityRow[] = [
  {
    // | AFI, 2 bytes | reserved | SAFI |
    code: 1,
    name: "multiprotocol",
    decode(value, into) {
      const afi = value.u16();
      value.skip(1);
      const family = familyFrom(afi, value.u8());
      // A known capability with a strange family still says that IPv4 unicast is not implied.
      into.families = [...(into.families ?? []), ...(family === undefined ? [] : [family])];
      return family !== undefined;
    },
    encode: ({ families }) => (families ?? []).map((family) => Uint8Array.of(0, AFI[family], 0, SAFI_UNICAST)),
  },
  {
    code: 2,
    name: "route refresh",
    decode(_value, into) {
      into.routeRefresh = true;
      return true;
    },
    encode: ({ routeRefresh }) => (routeRefresh ? [NONE] : []),
  },
  {
    /**
     *     +-----------+-----------+--------------------+
     *     | AFI, 2    | SAFI, 2   | next hop's AFI, 2  |       repeated (RFC 8950 §4)
     *     +-----------+-----------+--------------------+
     */
    code: 5,
    name: "extended next hop",
    decode(value, into) {
      const families = new Set(into.extendedNextHop);
      while (value.left > 0) {
        const family = familyFrom(value.u16(), value.u16());
        const nextHop = value.u16();
        if (family === 4 && nextHop === AFI[6]) families.add(family);
      }
      into.extendedNextHop = [...families];
      return true;
    },
    encode({ extendedNextHop }) {
      if (extendedNextHop.length === 0) return [];
      const writer = new ByteWriter(6);
      for (const family of extendedNextHop) writer.u16(AFI[family]).u16(SAFI_UNICAST).u16(AFI[6]);
      return [writer.finish()];
    },
  },
  {
    code: 6,
    name: "extended message",
    decode(_value, into) {
      into.extendedMessage = true;
      return true;
    },
    encode: ({ extendedMessage }) => (extendedMessage ? [NONE] : []),
  },
  {
    // | role |, one byte (RFC 9234 §4.1)
    code: 9,
    name: "role",
    decode(value, into) {
      const role = ROLES[value.u8()];
      if (role === undefined || value.left > 0) return false;
      into.roles = [...into.roles, role];
      return true;
    },
    encode: ({ roles }) => roles.map((role) => Uint8Array.of(ROLES.indexOf(role))),
  },
  {
    /**
     *     +-----------+------------------+
     *     | R N 0 0   | restart time, 12 |        RFC 4724 §3, RFC 8538 §2
     *     +-----------+------+-----------+
     *     | AFI, 2    | SAFI | F 0000000 |        repeated
     *     +-----------+------+-----------+
     */
    code: 64,
    name: "graceful restart",
    decode(value, into) {
      const head = value.u16();
      const families: { family: Family; forwarding: boolean }[] = [];
      while (value.left > 0) {
        const family = familyFrom(value.u16(), value.u8());
        const forwarding = (value.u8() & GR_FORWARDING) !== 0;
        if (family !== undefined) families.push({ family, forwarding });
      }
      const flags = head >>> 12;
      into.gracefulRestart = {
        restarting: (flags & GR_RESTART) !== 0,
        notification: (flags & GR_NOTIFICATION) !== 0,
        restartTimeS: head & 0xfff,
        families,
      };
      return true;
    },
    encode({ gracefulRestart }) {
      if (gracefulRestart === undefined) return [];
      const { restarting, notification, restartTimeS, families } = gracefulRestart;
      const flags = (restarting ? GR_RESTART : 0) | (notification ? GR_NOTIFICATION : 0);
      const writer = new ByteWriter(2 + 4 * families.length);
      writer.u16((flags << 12) | restartTimeS);
      for (const { family, forwarding } of families) {
        writer
          .u16(AFI[family])
          .u8(SAFI_UNICAST)
          .u8(forwarding ? GR_FORWARDING : 0);
      }
      return [writer.finish()];
    },
  },
  {
    code: 65,
    name: "four-octet AS number",
    decode(value, into) {
      into.as4 = value.u32();
      return true;
    },
    encode: ({ as4 }) => (as4 === undefined ? [] : [new ByteWriter(4).u32(as4).finish()]),
  },
  {
    /**
     *     +-----------+-----------+----------------+
     *     | AFI, 2    | SAFI, 1   | 1 receive      |       repeated (RFC 7911 §4)
     *     |           |           | 2 send, 3 both |
     *     +-----------+-----------+----------------+
     */
    code: 69,
    name: "add-path",
    decode(value, into) {
      const addPath = { ...into.addPath };
      while (value.left > 0) {
        const family = familyFrom(value.u16(), value.u8());
        const directions = value.u8();
        // Another value is to be ignored, not an error.
        if (family === undefined || directions < 1 || directions > 3) continue;
        addPath[family] = {
          send: (directions & ADD_PATH_SEND) !== 0,
          receive: (directions & ADD_PATH_RECEIVE) !== 0,
        };
      }
      into.addPath = addPath;
      return true;
    },
    encode({ addPath }) {
      const writer = new ByteWriter(8);
      for (const family of FAMILIES) {
        const { send = false, receive = false } = addPath[family] ?? {};
        const directions = (receive ? ADD_PATH_RECEIVE : 0) | (send ? ADD_PATH_SEND : 0);
        if (directions > 0) writer.u16(AFI[family]).u8(SAFI_UNICAST).u8(directions);
      }
      return writer.length === 0 ? [] : [writer.finish()];
    },
  },
  {
    code: 70,
    name: "enhanced route refresh",
    decode(_value, into) {
      into.enhancedRefresh = true;
      return true;
    },
    encode: ({ enhancedRefresh }) => (enhancedRefresh ? [NONE] : []),
  },
  {
    /**
     *     +-----------+------+-----------+----------------+
     *     | AFI, 2    | SAFI | F 0000000 | stale time, 3  |       repeated (RFC 9494 §3.1)
     *     +-----------+------+-----------+----------------+
     */
    code: 71,
    name: "long-lived graceful restart",
    decode(value, into) {
      const families: LongLivedFamily[] = [];
      while (value.left > 0) {
        const family = familyFrom(value.u16(), value.u8());
        const forwarding = (value.u8() & GR_FORWARDING) !== 0;
        const staleTimeS = value.u8() * 65_536 + value.u16();
        if (family !== undefined) families.push({ family, forwarding, staleTimeS });
      }
      into.longLived = families;
      return true;
    },
    encode({ longLived }) {
      if (longLived === undefined) return [];
      const writer = new ByteWriter(14);
      for (const { family, forwarding, staleTimeS } of longLived) {
        writer
          .u16(AFI[family])
          .u8(SAFI_UNICAST)
          .u8(forwarding ? GR_FORWARDING : 0)
          .u8(staleTimeS >>> 16)
          .u16(staleTimeS & 0xffff);
      }
      return [writer.finish()];
    },
  },
];

const BY_CODE = new Map(CAPABILITIES.map((row) => [row.code, row]));

export const NO_CAPABILITIES: Capabilities = {
  families: undefined,
  routeRefresh: false,
  extendedMessage: false,
  extendedNextHop: [],
  roles: [],
  gracefulRestart: undefined,
  as4: undefined,
  addPath: {},
  enhancedRefresh: false,
  longLived: undefined,
  unknown: [],
};

/**
 *     +--------+--------+-----------+
 *     |  code  | length | value ... |        repeated: the value of an OPEN's parameter 2 (RFC 5492 §4)
 *     +--------+--------+-----------+
 *
 * Adds what `reader` holds to `into`. A value that cannot be understood is kept as unknown (RFC 5492 §3 has the receiver
 * ignore what it does not know); a length beyond the parameter throws TruncatedError.
 */
export function decodeCapabilities(reader: ByteReader, into: Mutable<Capabilities>): void {
  while (reader.left > 0) {
    const code = reader.u8();
    const value = reader.bytes(reader.u8());
    if (!understood(BY_CODE.get(code), value, into)) into.unknown = [...into.unknown, { code, value: value.slice() }];
  }
}

export function encodeCapabilities(capabilities: Capabilities): Uint8Array {
  const writer = new ByteWriter();
  for (const row of CAPABILITIES) {
    for (const value of row.encode(capabilities)) writer.u8(row.code).u8(value.length).bytes(value);
  }
  for (const { code, value } of capabilities.unknown) writer.u8(code).u8(value.length).bytes(value);
  return writer.finish();
}

function understood(row: CapabilityRow | undefined, value: Uint8Array, into: Mutable<Capabilities>): boolean {
  if (row === undefined) return false;
  try {
    return row.decode(new ByteReader(value), into);
  } catch (error) {
    if (error instanceof TruncatedError) return false;
    throw error;
  }
}
