/** How a link queues what leaves it, or (`ingress`) what happens to what comes in. */
export interface Qdisc {
  readonly linkIndex: number;
  /** "tbf", "ingress", "clsact", "fq_codel", … */
  readonly kind: string;
  /** Major number of what names it: 1..0xfffe; the kernel gives 0xffff to ingress and clsact. */
  readonly major: number;
  /** Of the whole link; false where it hangs on a class of another one. */
  readonly root: boolean;
  /** Only of tbf. */
  readonly bucket: TokenBucket | undefined;
}

/**
 * A rate, kept with a bucket: as much as is in it may go at once. What is more waits, and what cannot wait is dropped.
 * The kernel keeps sizes as times, in steps of 64 ns: what is read back may be off by that.
 */
export interface TokenBucket {
  /** Bytes a second, 1..2^53-1. */
  readonly rate: number;
  /** Size of the bucket in bytes, 1..2^32-1; not more than the rate brings in 274 s. */
  readonly burst: number;
  /** What may wait, in bytes, 0..2^32-1. */
  readonly limit: number;
  /** How fast the bucket may be emptied; undefined: at once. */
  readonly peak: { readonly rate: number; readonly burst: number } | undefined;
}

/** What a link's ingress does with everything that comes in; filters of other kinds and with other actions are told without `to`. */
export interface IngressFilter {
  readonly linkIndex: number;
  readonly kind: string;
  /** The lower is asked first, 1..0xffff. Names it, within the link. */
  readonly priority: number;
  /**
   * Index of the link that it redirects to: it leaves there, and then, if that is an ifb, goes on as if it had just come in. 0: that
   * link is gone, and what comes in is dropped.
   */
  readonly to: number | undefined;
}

/** Writes; see KernelOperation. */
export type TrafficOperation =
  /** Puts it in the place of the link's own, whoever's that is; one with the same major number is changed. */
  | { readonly op: "qdisc.tbf"; readonly linkIndex: number; readonly major: number; readonly bucket: TokenBucket }
  /** What filters of incoming packets hang on. EEXIST if there is one. */
  | { readonly op: "qdisc.ingress"; readonly linkIndex: number }
  /** With all that hangs on it; the link's standard one comes back. */
  | { readonly op: "qdisc.delete"; readonly linkIndex: number; readonly which: "root" | "ingress" }
  /** Redirects everything that comes in by the link. ENOSPC: one of that priority is there. */
  | { readonly op: "filter.redirect"; readonly linkIndex: number; readonly priority: number; readonly to: number }
  | { readonly op: "filter.delete"; readonly linkIndex: number; readonly priority: number };
