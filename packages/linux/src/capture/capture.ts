import { closeSync } from "node:fs";
import { errnoNumber } from "../kernel/errno.ts";
import { check, lastErrno, STRANGE_ERRNOS } from "../libc/library.ts";
import {
  AF_PACKET,
  ETH_P_ALL,
  getsockopt,
  if_nametoindex,
  ioctlBytes,
  PACKET_OTHERHOST,
  PACKET_OUTGOING,
  PACKET_STATISTICS,
  recvfrom,
  SIOCGSTAMPNS,
  SOL_PACKET,
} from "../libc/packet-calls.ts";
import {
  bind,
  MSG_DONTWAIT,
  MSG_TRUNC,
  SO_RCVBUFFORCE,
  SOCK_CLOEXEC,
  SOCK_RAW,
  SOL_SOCKET,
  setIntOption,
  socket,
} from "../libc/socket-calls.ts";
import { currentNamespace, type NamespaceHandle } from "../namespace/handle.ts";
import { withNetns } from "../namespace/with.ts";
import { type WatchFd, watchFd } from "../socket/fd-watcher.ts";
import type { PcapFrame } from "./pcap.ts";

export interface CapturedFrame extends PcapFrame {
  /** The interface it was seen on. */
  readonly linkIndex: number;
  /** Sent by this namespace; else received. */
  readonly outgoing: boolean;
  /** Received, and by its link-layer address meant for another machine: the kernel looks no further at it. */
  readonly forOthers: boolean;
  /** EtherType of what follows the link-layer header, where there is one. */
  readonly etherType: number;
  /** ARPHRD_*: what kind of interface it was seen on (see linkTypeOf). */
  readonly hardwareType: number;
}

export interface CaptureOptions {
  /** The calling thread's if none is named. */
  readonly namespace?: NamespaceHandle | undefined;
  /** An interface's name; all of the namespace if none is. */
  readonly interface?: string | undefined;
  /** Keeps what it says true of; asked for each frame, of bytes that it must not keep. */
  readonly filter?: ((frame: Uint8Array) => boolean) | undefined;
  /** Bytes kept of a frame, at most; 64 KiB unless told, which is all of it. */
  readonly snapLength?: number | undefined;
  /** Called from the event loop, once a turn with all that came. */
  readonly onFrames: (frames: readonly CapturedFrame[]) => void;
  readonly watch?: WatchFd | undefined;
}

export interface Capture {
  /** Frames the kernel dropped because they were not read fast enough. */
  dropped(): number;
  /** Reads what has arrived, hands it on, and ends. Closing twice does nothing. */
  close(): void;
}

const MAX_FRAME = 64 * 1024;
const RECEIVE_BUFFER = 8 * 1024 * 1024;
const FRAMES_A_TURN = 500;

/**
 * Sees the frames of one network namespace, from its opening on, as tcpdump does (AF_PACKET). Throws KernelError (ENODEV:
 * there is no such interface; EPERM: it needs CAP_NET_RAW). Checksums of frames that never left the machine are often not
 * filled in: the devices between would have done it.
 */
export function openCapture(options: CaptureOptions): Capture {
  if (options.namespace !== undefined) return new PacketCapture(options, options.namespace);
  using here = currentNamespace("net");
  return new PacketCapture(options, here);
}

class PacketCapture implements Capture {
  readonly #fd: number;
  readonly #options: CaptureOptions;
  readonly #snapLength: number;
  readonly #buffer = new Uint8Array(MAX_FRAME);
  readonly #address = new Uint8Array(20);
  readonly #addressLength = new Uint8Array(4);
  readonly #time = new Uint8Array(16);
  readonly #watch: { close(): void };
  #dropped = 0;
  #open = true;

  constructor(options: CaptureOptions, namespace: NamespaceHandle) {
    this.#options = options;
    this.#snapLength = Math.min(options.snapLength ?? MAX_FRAME, MAX_FRAME);
    this.#fd = withNetns(namespace, () => openSocket(options.interface));
    // The first call has the kernel stamp frames, from some moment on (see stampsAreOn); there is nothing to tell yet.
    ioctlBytes(this.#fd, SIOCGSTAMPNS, this.#time);
    this.#watch = (options.watch ?? watchFd)(this.#fd, () => this.#deliver(FRAMES_A_TURN));
  }

  dropped(): number {
    if (this.#open) this.#countDropped();
    return this.#dropped;
  }

  close(): void {
    if (!this.#open) return;
    this.#watch.close();
    this.#countDropped();
    this.#open = false;
    try {
      this.#deliver(Number.POSITIVE_INFINITY);
    } finally {
      closeSync(this.#fd);
    }
  }

  #deliver(limit: number): void {
    const frames: CapturedFrame[] = [];
    for (let count = 0; count < limit; count++) {
      const length = this.#receive();
      if (length === undefined) break;
      const seen = this.#buffer.subarray(0, Math.min(length, MAX_FRAME));
      if (this.#options.filter?.(seen) ?? true) frames.push(this.#frame(seen, length));
    }
    if (frames.length > 0) this.#options.onFrames(frames);
  }

  /** The length of the frame now in the buffer; undefined if none waits. */
  #receive(): number | undefined {
    for (let strange = 0; ; ) {
      new DataView(this.#addressLength.buffer).setUint32(0, this.#address.length, true);
      const flags = MSG_DONTWAIT | MSG_TRUNC;
      const length = recvfrom(this.#fd, this.#buffer, MAX_FRAME, flags, this.#address, this.#addressLength);
      if (length >= 0) return length;
      const number = lastErrno();
      if (number === EAGAIN) return undefined;
      // ENETDOWN is told once when the interface goes down; frames come again when it is up.
      if (number !== EINTR && number !== ENETDOWN && ++strange > STRANGE_ERRNOS) check("reading a capture", length);
    }
  }

  /*
   * sockaddr_ll:
   *      0        2            4            8               10            11
   *      +--------+------------+------------+---------------+-------------+- - -
   *      | family | ethertype  | link index | hardware type | packet type | …
   *      +--------+------------+------------+---------------+-------------+- - -
   */
  #frame(seen: Uint8Array, length: number): CapturedFrame {
    check("reading a capture's time", ioctlBytes(this.#fd, SIOCGSTAMPNS, this.#time));
    const time = new DataView(this.#time.buffer);
    const address = new DataView(this.#address.buffer);
    const packetType = address.getUint8(10);
    return {
      timestamp: time.getBigInt64(0, true) * 1_000_000_000n + time.getBigInt64(8, true),
      bytes: seen.slice(0, this.#snapLength),
      length,
      linkIndex: address.getInt32(4, true),
      outgoing: packetType === PACKET_OUTGOING,
      forOthers: packetType === PACKET_OTHERHOST,
      etherType: address.getUint16(2),
      hardwareType: address.getUint16(8, true),
    };
  }

  /** Two 32-bit counters, frames and drops, that each reading sets back. */
  #countDropped(): void {
    const counters = new Uint8Array(8);
    const length = new Uint8Array(Int32Array.of(8).buffer);
    check("reading a capture's statistics", getsockopt(this.#fd, SOL_PACKET, PACKET_STATISTICS, counters, length));
    this.#dropped += new DataView(counters.buffer).getUint32(4, true);
  }
}

const EINTR = errnoNumber("EINTR");
const EAGAIN = errnoNumber("EAGAIN");
const ENETDOWN = errnoNumber("ENETDOWN");

/** In the calling thread's namespace. Until it is bound it sees nothing, so no frame of another interface slips in. */
function openSocket(name: string | undefined): number {
  const linkIndex = name === undefined ? 0 : if_nametoindex(name);
  if (name !== undefined && linkIndex === 0)
    check(`capturing on ${name}`, -1, { fix: "name an interface of that namespace" });
  const fd = check("socket(AF_PACKET)", socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  try {
    check("setsockopt SO_RCVBUFFORCE", setIntOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER));
    const address = new Uint8Array(20);
    const view = new DataView(address.buffer);
    view.setUint16(0, AF_PACKET, true);
    view.setUint16(2, ETH_P_ALL);
    view.setInt32(4, linkIndex, true);
    check("bind(AF_PACKET)", bind(fd, address, address.length), { where: name });
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}
