export { type Capture, type CapturedFrame, type CaptureOptions, openCapture } from "./capture/capture.ts";
export {
  type CookedFrame,
  cookedFrame,
  type LinkType,
  linkTypeOf,
  type PcapFrame,
  pcapHeader,
  pcapRecord,
} from "./capture/pcap.ts";
export { stampsAreOn } from "./capture/stamps.ts";
export { type OpenKernelOptions, openKernel } from "./host/kernel.ts";
export { type LegacyTableBytes, readLegacyTable } from "./host/legacy-tables.ts";
export * from "./kernel/index.ts";
export { giveBackFreed } from "./libc/memory-calls.ts";
export * from "./namespace/index.ts";
export { openPacketSender, type PacketSender, type PacketSenderOptions } from "./probe/sender.ts";
export { openProbeSocket, type ProbeSocket, type ProbeSocketOptions } from "./probe/socket.ts";
export type { FdWatch, WatchFd } from "./socket/fd-watcher.ts";
export { requireHopLimit } from "./socket/hop-limit.ts";
export { type Md5Counters, md5Counters, readMd5Counters } from "./socket/md5-counters.ts";
export { openRouterSocket, type RouterSocket, type RouterSocketOptions } from "./socket/router-socket.ts";
export {
  type KeyHolder,
  openTcpSocket,
  removeMd5Key,
  setMd5Key,
  setTtls,
  type TcpProtection,
} from "./socket/tcp-security.ts";
export { openPseudoTerminal, type PseudoTerminal, resizeTerminal } from "./terminal/pseudo-terminal.ts";
