export { type OpenKernelOptions, openKernel } from "./host/kernel.ts";
export * from "./kernel/index.ts";
export * from "./namespace/index.ts";
export type { FdWatch, WatchFd } from "./socket/fd-watcher.ts";
