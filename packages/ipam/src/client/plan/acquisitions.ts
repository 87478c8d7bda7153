import type { Address } from "@ocicat/net";
import type { AssignedAddress } from "../types.ts";

/**
 * What one request tried to allocate, by address and sequence number: so that it knows its own allocations again when a
 * later attempt, or the undoing of it, finds them in the store. A sequence number is given out once in a block's life.
 */
export class Acquisitions {
  readonly #tried = new Set<string>();

  note(addresses: readonly AssignedAddress[]): void {
    for (const { address, sequence } of addresses) this.#tried.add(`${address} ${sequence}`);
  }

  has(address: Address, sequence: bigint): boolean {
    return this.#tried.has(`${address} ${sequence}`);
  }
}
