import { toError } from "@ocicat/kit";
import {
  type Capture,
  type CapturedFrame,
  type Kernel,
  KernelError,
  linkTypeOf,
  type NamespaceHandle,
  openCapture,
  openKernel,
  openPacketSender,
  stampsAreOn,
} from "@ocicat/linux";
import { familyOf } from "@ocicat/net";
import { type MadeProbe, mayConcern, type PlaceState, type SeenFrame } from "@ocicat/walk";
import type { SitePlace } from "./site.ts";
import { readState } from "./state.ts";

/** A place with its network open: watched, and asked what it holds. */
export class Post implements Disposable {
  readonly place: SitePlace;
  readonly state: PlaceState;
  readonly captured: CapturedFrame[] = [];
  readonly #namespace: NamespaceHandle;
  readonly #kernel: Kernel;
  #capture: Capture | undefined;
  #dropped = 0;

  /** Throws KernelError; what was opened is closed then. */
  constructor(place: SitePlace, open: () => NamespaceHandle, family: 4 | 6) {
    this.place = place;
    this.#namespace = open();
    try {
      this.#kernel = openKernel({ namespace: this.#namespace });
    } catch (error) {
      this.#namespace.close();
      throw error;
    }
    try {
      this.state = readState(this.#kernel, family);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Watches every interface from now on. `onFrames` is called when something came that may concern the packet. */
  watch(made: MadeProbe, onFrames: () => void): void {
    this.#capture = openCapture({
      namespace: this.#namespace,
      filter: mayConcern(made.probe),
      onFrames: (frames) => {
        this.captured.push(...frames);
        onFrames();
      },
    });
  }

  get hasLoopback(): boolean {
    return this.state.links.some(({ loopback, up }) => loopback && up);
  }

  /** Resolves when frames bear the time they were seen at. */
  stamped(): Promise<boolean> {
    return stampsAreOn(this.#namespace);
  }

  /** Stops watching, with what had arrived; and reads once more what the packet may have changed: who the neighbours are. */
  finish(): PlaceState {
    this.#stop();
    return { ...this.state, neighbours: this.#kernel.neighbours() };
  }

  /** Frames the kernel dropped because they were not read fast enough. */
  get dropped(): number {
    return this.#dropped;
  }

  get frames(): readonly SeenFrame[] {
    return this.captured.map((frame) => ({
      time: frame.timestamp,
      linkIndex: frame.linkIndex,
      outgoing: frame.outgoing,
      forOthers: frame.forOthers,
      linkType: linkTypeOf(frame.hardwareType),
      bytes: frame.bytes,
      length: frame.length,
    }));
  }

  /** Lets go of what was learnt of a neighbour, so that it is asked for again where all can see it; not of what was set. */
  forget(neighbour: PlaceState["neighbours"][number]): void {
    if ((neighbour.state & (PERMANENT | NOARP)) !== 0) return;
    // That it is gone meanwhile, or cannot be deleted, only means that the question may not be seen.
    this.#kernel.apply([{ op: "neighbour.delete", neighbour }]);
  }

  /** Sends it by this place's own kernel: undefined, or errno's name if that refused it. */
  send({ probe, bytes }: MadeProbe): { readonly refused: string | undefined; readonly close: () => void } {
    const sender = openPacketSender({
      namespace: this.#namespace,
      family: familyOf(probe.source),
      protocol: probe.protocol === "udp" ? "udp" : PROTOCOLS[probe.protocol][familyOf(probe.source)],
      sourcePort: probe.protocol === "udp" ? probe.identifier : undefined,
    });
    try {
      sender.send(bytes, probe.destination, probe.protocol === "udp" ? probe.port : 0);
      return { refused: undefined, close: () => sender.close() };
    } catch (error) {
      sender.close();
      if (error instanceof KernelError) return { refused: error.errno, close: () => undefined };
      throw toError(error);
    }
  }

  [Symbol.dispose](): void {
    this.#stop();
    this.#kernel.close();
    this.#namespace.close();
  }

  #stop(): void {
    if (this.#capture === undefined) return;
    this.#dropped = this.#capture.dropped();
    this.#capture.close();
    this.#capture = undefined;
  }
}

const PERMANENT = 0x80;
const NOARP = 0x40;

/** IANA's protocol numbers, by family. */
const PROTOCOLS = { icmp: { 4: 1, 6: 58 }, tcp: { 4: 6, 6: 6 } } as const;
