import { library } from "./library.ts";

/** Raw socket calls; -1 and errno on failure. Byte arrays are handed over as pointers, not copied. */
export const socket: (domain: number, type: number, protocol: number) => number = library.func(
  "int socket(int domain, int type, int protocol)",
);
export const bind: (fd: number, address: Uint8Array, length: number) => number = library.func(
  "int bind(int fd, const void *address, unsigned int length)",
);
export const connect: (fd: number, address: Uint8Array, length: number) => number = library.func(
  "int connect(int fd, const void *address, unsigned int length)",
);
/** `length` holds a little-endian int: of the buffer before, of the address after. */
export const getsockname: (fd: number, address: Uint8Array, length: Uint8Array) => number = library.func(
  "int getsockname(int fd, void *address, void *length)",
);
export const setsockopt: (fd: number, level: number, name: number, value: Uint8Array, length: number) => number =
  library.func("int setsockopt(int fd, int level, int name, const void *value, unsigned int length)");
const sendCall = library.func("long send(int fd, const void *bytes, size_t length, int flags)");
export const send: (fd: number, bytes: Uint8Array, length: number, flags: number) => number = sendCall;

export const sendto: (
  fd: number,
  bytes: Uint8Array,
  length: number,
  flags: number,
  address: Uint8Array,
  addressLength: number,
) => number = library.func(
  "long sendto(int fd, const void *bytes, size_t length, int flags, const void *address, unsigned int addressLength)",
);

/** As `send`, on a thread of the pool: for requests that keep the kernel busy. The bytes must stay as they are until then. */
export function sendOnThread(fd: number, bytes: Uint8Array, length: number): Promise<number> {
  return new Promise((resolve, reject) => {
    sendCall.async(fd, bytes, length, 0, (error: Error | null, sent: number) => {
      if (error === null) resolve(sent);
      else reject(error);
    });
  });
}
export const recv: (fd: number, buffer: Uint8Array, length: number, flags: number) => number = library.func(
  "long recv(int fd, void *buffer, size_t length, int flags)",
);

export const SOCK_STREAM = 1;
export const SOCK_DGRAM = 2;
export const SOCK_RAW = 3;
export const SOCK_CLOEXEC = 0x80000;
export const SOCK_NONBLOCK = 0x800;
export const SOL_SOCKET = 1;
export const SO_SNDBUFFORCE = 32;
export const SO_RCVBUFFORCE = 33;
/** recv: the message's whole length, also if the buffer is shorter. */
export const MSG_TRUNC = 0x20;
export const MSG_DONTWAIT = 0x40;

/** An option whose value is a C int. */
export function setIntOption(fd: number, level: number, name: number, value: number): number {
  return setsockopt(fd, level, name, new Uint8Array(Int32Array.of(value).buffer), 4);
}
