import { library } from "./library.ts";

/*
 * Raw calls. They affect the calling thread only: in Node that is the main thread (or the Worker that calls), never the
 * libuv pool. All return -1 and set errno on failure.
 */
export const setns: (fd: number, kind: number) => number = library.func("int setns(int fd, int nstype)");
export const unshare: (flags: number) => number = library.func("int unshare(int flags)");
export const mountCall: (
  source: string | null,
  target: string,
  type: string | null,
  flags: number,
  data: string | null,
) => number = library.func(
  "int mount(const char *src, const char *dst, const char *type, unsigned long flags, str data)",
);
export const umount2: (target: string, flags: number) => number = library.func(
  "int umount2(const char *dst, int flags)",
);
export const fchdir: (fd: number) => number = library.func("int fchdir(int fd)");
export const chroot: (path: string) => number = library.func("int chroot(const char *path)");
/** For requests whose argument is absent. */
export const ioctlPlain: (fd: number, request: number, zero: number) => number = library.func(
  "int ioctl(int fd, unsigned long request, long zero)",
);
/** glibc has no wrapper for pivot_root(2). */
export const syscallPaths: (number: number, first: string, second: string) => number = library.func(
  "long syscall(long number, const char *first, const char *second)",
);

/** <linux/sched.h> */
export const CLONE_FS = 0x0000_0200;
export const CLONE_NEWNS = 0x0002_0000;
export const CLONE_NEWCGROUP = 0x0200_0000;
export const CLONE_NEWUTS = 0x0400_0000;
export const CLONE_NEWIPC = 0x0800_0000;
export const CLONE_NEWUSER = 0x1000_0000;
export const CLONE_NEWPID = 0x2000_0000;
export const CLONE_NEWNET = 0x4000_0000;
export const CLONE_NEWTIME = 0x0000_0080;
/** <linux/nsfs.h>: which kind of namespace a descriptor is, as a CLONE_NEW* flag. */
export const NS_GET_NSTYPE = 0xb703;
