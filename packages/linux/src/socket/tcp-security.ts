import { type Address, addressToBytes, type Family, familyOf, Prefix } from "@ocicat/net";
import { check } from "../libc/library.ts";
import { INTERNET } from "../libc/socket-address.ts";
import { SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM, setIntOption, setsockopt, socket } from "../libc/socket-calls.ts";

/** What protects a TCP connection below what is said on it. */
export interface TcpProtection {
  /** RFC 2385: 1 to 80 characters of one byte. */
  readonly password?: string | undefined;
  /** Time to live of what is sent, 1..255. */
  readonly ttl?: number | undefined;
  /** RFC 5082: segments with a smaller one are dropped, 1..255. */
  readonly minTtl?: number | undefined;
}

/** Addresses that a key is for. */
export type KeyHolder = Address | Prefix;

const IPPROTO_TCP = 6;
const TCP_MD5SIG_EXT = 32;
const MD5SIG_FLAG_PREFIX = 1;
const MAX_KEY = 80;
/** Time to live to send with, and to accept: IP_TTL and IP_MINTTL, IPV6_UNICAST_HOPS and IPV6_MINHOPCOUNT. */
const TTL = { 4: { send: 2, accept: 21 }, 6: { send: 16, accept: 73 } } as const;

/** A TCP socket of its own that is not connected yet, and does not block. The caller closes it. Throws KernelError. */
export function openTcpSocket(family: Family): number {
  return check("socket(SOCK_STREAM)", socket(INTERNET[family].domain, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
}

/**
 * Protects a socket's segments to and from `remote`; of a listening socket, those of connections from there. Throws KernelError:
 * ENOPROTOOPT where the kernel was built without it.
 */
export function setMd5Key(fd: number, socketFamily: Family, remote: KeyHolder, password: string): void {
  check("setsockopt TCP_MD5SIG_EXT", setKey(fd, md5Key(socketFamily, remote, password)));
}

/** One that is not there is no error. */
export function removeMd5Key(fd: number, socketFamily: Family, remote: KeyHolder): void {
  setKey(fd, md5Key(socketFamily, remote, ""));
}

/** Times to live of one connection, by the family of its addresses. Throws KernelError. */
export function setTtls(fd: number, family: Family, { ttl, minTtl }: TcpProtection): void {
  const { level } = INTERNET[family];
  if (ttl !== undefined) check("setsockopt TTL", setIntOption(fd, level, TTL[family].send, ttl));
  if (minTtl !== undefined) check("setsockopt MINTTL", setIntOption(fd, level, TTL[family].accept, minTtl));
}

function setKey(fd: number, key: Uint8Array): number {
  return setsockopt(fd, IPPROTO_TCP, TCP_MD5SIG_EXT, key, key.length);
}

/**
 * struct tcp_md5sig:
 *
 *      0                         128     129          130          132         136            216
 *      +-------------------------+-------+------------+------------+-----------+--------------+
 *      | sockaddr_storage        | flags | prefix len | key length | ifindex 0 | key          |
 *      +-------------------------+-------+------------+------------+-----------+--------------+
 *
 * A socket of IPv6 that takes IPv4 as well knows IPv4 addresses in their mapped form, with the length of the IPv4 prefix.
 */
function md5Key(socketFamily: Family, remote: KeyHolder, password: string): Uint8Array {
  const [address, length] = remote instanceof Prefix ? [remote.address, remote.length] : [remote, undefined];
  const bytes = new Uint8Array(216);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, INTERNET[socketFamily].domain, true);
  bytes.set(inFamily(address, socketFamily), socketFamily === 4 ? 4 : 8);
  view.setUint8(128, MD5SIG_FLAG_PREFIX);
  view.setUint8(129, length ?? (familyOf(address) === 4 ? 32 : 128));
  const key = Uint8Array.from(password.slice(0, MAX_KEY), (character) => character.charCodeAt(0));
  view.setUint16(130, key.length, true);
  bytes.set(key, 136);
  return bytes;
}

function inFamily(address: Address, family: Family): Uint8Array {
  const bytes = addressToBytes(address);
  return family === 6 && bytes.length === 4 ? Uint8Array.of(...new Uint8Array(10), 0xff, 0xff, ...bytes) : bytes;
}
