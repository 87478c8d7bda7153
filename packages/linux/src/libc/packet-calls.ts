import { library } from "./library.ts";

/** 0 if there is no such interface in the calling thread's network namespace. */
export const if_nametoindex: (name: string) => number = library.func("unsigned int if_nametoindex(const char *name)");
export const recvfrom: (
  fd: number,
  buffer: Uint8Array,
  length: number,
  flags: number,
  address: Uint8Array,
  addressLength: Uint8Array,
) => number = library.func(
  "long recvfrom(int fd, void *buffer, size_t length, int flags, void *address, void *addressLength)",
);
export const getsockopt: (fd: number, level: number, name: number, value: Uint8Array, length: Uint8Array) => number =
  library.func("int getsockopt(int fd, int level, int name, void *value, void *length)");
export const ioctlBytes: (fd: number, request: number, bytes: Uint8Array) => number = library.func(
  "int ioctl(int fd, unsigned long request, void *bytes)",
);

export const AF_PACKET = 17;
export const SOL_PACKET = 263;
export const PACKET_STATISTICS = 6;
/** Every protocol, sent and received. */
export const ETH_P_ALL = 3;
/** sockaddr_ll's packet type of what is for another machine. */
export const PACKET_OTHERHOST = 3;
/** sockaddr_ll's packet type of what this machine sends. */
export const PACKET_OUTGOING = 4;
/** When the last datagram read arrived: two 64-bit words, seconds and nanoseconds. */
export const SIOCGSTAMPNS = 0x8907;
