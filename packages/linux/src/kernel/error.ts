import { OcicatError } from "@ocicat/kit";
import { errnoName } from "./errno.ts";

export interface KernelErrorDetails {
  /** The call that was refused: "mount", "setns", "route.replace 10.0.0.0/24". */
  readonly operation: string;
  /** errno, positive. */
  readonly number: number;
  /** What the call was about: a path, an interface, a namespace. */
  readonly where?: string | undefined;
  /** The kernel's extended acknowledgement (NETLINK_EXT_ACK), "" if it gave none. */
  readonly extack?: string | undefined;
  /** The reason in words, where errno and the kernel's own text do not say it. */
  readonly why?: string | undefined;
  readonly fix?: string | undefined;
  /** Instead of KERNEL_<errno>. */
  readonly code?: string | undefined;
  readonly cause?: unknown;
}

/** EINTR, EAGAIN, ENOBUFS, EBUSY, ENOMEM: what passes by itself. */
const PASSING: ReadonlySet<number> = new Set([4, 11, 12, 16, 105]);

/**
 * The kernel refused. `code` is "KERNEL_" and errno's name (KERNEL_EEXIST), so that a policy can be written on it;
 * the message carries the kernel's own words where it gave any.
 */
export class KernelError extends OcicatError {
  /** errno's name: "ENETUNREACH". */
  readonly errno: string;
  /** errno, positive. */
  readonly number: number;
  /** The kernel's extended acknowledgement, "" if it gave none. */
  readonly extack: string;
  readonly operation: string;

  constructor(details: KernelErrorDetails) {
    const errno = errnoName(details.number);
    const extack = details.extack ?? "";
    const reasons = [extack === "" ? "" : `kernel: ${extack}`, details.why ?? ""].filter((reason) => reason !== "");
    super({
      code: details.code ?? `KERNEL_${errno}`,
      what: `${details.operation} failed with ${errno}`,
      where: details.where,
      why: reasons.length === 0 ? undefined : reasons.join("; "),
      fix: details.fix,
      retryable: PASSING.has(details.number),
      cause: details.cause,
    });
    this.errno = errno;
    this.number = details.number;
    this.extack = extack;
    this.operation = details.operation;
  }
}
