import { library } from "./library.ts";

/** asm-generic/ioctls.h */
export const TIOCGPTN = 0x80045430;
export const TIOCSPTLCK = 0x40045431;
export const TIOCSWINSZ = 0x5414;

export const ioctlWords: (fd: number, request: number, words: Uint32Array | Uint16Array) => number = library.func(
  "int ioctl(int fd, unsigned long request, void *words)",
);
