import type { Connection } from "../kernel/connection.ts";
import type { Kernel } from "../kernel/kernel.ts";

/** A network namespace as the suite uses it. */
export interface Subject {
  readonly kernel: Kernel;
  /** What names this namespace in `namespaceFd` of an operation on another one of the same fixture. */
  readonly fd: number;
  /** Another Kernel of the same namespace: somebody else. */
  another(): Kernel;
  /** Has the kernel track a connection that nobody has made; it chooses the id itself. */
  track(connection: Connection): void;
  /** Has a rule log a datagram that the namespace sends itself, 127.0.0.1 → 127.0.0.1:`port`, on its way out. */
  log(group: number, prefix: string, port: number): void;
}

/** What an implementation brings to be tested. */
export interface KernelFixture {
  /** A new namespace: one loopback device, down, and nothing else. */
  namespace(): Subject;
  /** Takes away all it has made. */
  close(): void;
}
