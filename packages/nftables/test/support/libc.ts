import { getSystemErrorName } from "node:util";
import koffi from "koffi";

/** The few system calls these tests make themselves, so that they depend on no other package's kernel side. */
const libc = koffi.load(null);

const calls = {
  socket: libc.func("int socket(int domain, int type, int protocol)"),
  bind: libc.func("int bind(int fd, const void *address, uint32_t length)"),
  sendto: libc.func(
    "int64_t sendto(int fd, const void *data, size_t length, int flags, const void *address, uint32_t addressLength)",
  ),
  recvfrom: libc.func(
    "int64_t recvfrom(int fd, void *data, size_t length, int flags, void *address, _Inout_ uint32_t *addressLength)",
  ),
  setsockopt: libc.func("int setsockopt(int fd, int level, int name, const void *value, uint32_t length)"),
  setns: libc.func("int setns(int fd, int type)"),
  close: libc.func("int close(int fd)"),
} as const;

/** An errno, by name. */
export class SystemError extends Error {
  readonly errno: string;
  readonly number: number;

  constructor(call: string, number: number, more = "") {
    const errno = getSystemErrorName(-number);
    super(`${call}: ${errno}${more === "" ? "" : ` (${more})`}`);
    this.errno = errno;
    this.number = number;
  }
}

export function socket(domain: number, type: number, protocol: number): number {
  const SOCK_CLOEXEC = 0o2000000;
  return checked("socket", calls.socket(domain, type | SOCK_CLOEXEC, protocol));
}

export function bind(fd: number, address: Uint8Array): void {
  checked("bind", calls.bind(fd, address, address.length));
}

export function send(fd: number, data: Uint8Array, to: Uint8Array | null = null): void {
  checked("sendto", calls.sendto(fd, data, data.length, 0, to, to?.length ?? 0));
}

export interface Received {
  readonly data: Uint8Array;
  readonly from: Uint8Array;
}

/** Undefined if nothing comes within the socket's timeout; at once if nothing is there and `wait` is false. */
export function receive(fd: number, wait = true): Received | undefined {
  const MSG_DONTWAIT = 0x40;
  const EINTR = 4;
  const EAGAIN = 11;
  const from = new Uint8Array(28);
  const fromLength = [from.length];
  const result = Number(calls.recvfrom(fd, inbox, inbox.length, wait ? 0 : MSG_DONTWAIT, from, fromLength));
  if (result < 0 && koffi.errno() === EAGAIN) return undefined;
  if (result < 0 && koffi.errno() === EINTR) return receive(fd, wait);
  const length = checked("recvfrom", result);
  return { data: inbox.slice(0, length), from: from.subarray(0, fromLength[0]) };
}

/** Larger than any datagram of netlink's. */
const inbox = new Uint8Array(1 << 16);

export function setOption(fd: number, level: number, name: number, value: Uint8Array): void {
  checked("setsockopt", calls.setsockopt(fd, level, name, value, value.length));
}

/** SO_RCVTIMEO: struct timeval. */
export function setReceiveTimeout(fd: number, milliseconds: number): void {
  const SOL_SOCKET = 1;
  const SO_RCVTIMEO = 20;
  const timeval = new DataView(new ArrayBuffer(16));
  timeval.setBigInt64(0, BigInt(Math.floor(milliseconds / 1000)), true);
  timeval.setBigInt64(8, BigInt((milliseconds % 1000) * 1000), true);
  setOption(fd, SOL_SOCKET, SO_RCVTIMEO, new Uint8Array(timeval.buffer));
}

export function setns(fd: number): void {
  const CLONE_NEWNET = 0x40000000;
  checked("setns", calls.setns(fd, CLONE_NEWNET));
}

export function close(fd: number): void {
  checked("close", calls.close(fd));
}

function checked(call: string, result: number | bigint): number {
  if (Number(result) < 0) throw new SystemError(call, koffi.errno());
  return Number(result);
}
