import type { AllocationBlock } from "@ocicat/api/ipam";
import { type Address, formatAddress } from "@ocicat/net";
import { addressOf, isAllocated, isCooling, sequenceOf } from "../../block/index.ts";

interface Release {
  readonly address: Address;
  readonly sequence: bigint;
}

/**
 * What earlier attempts of one request released, for certain or perhaps: it counts as released, and a later allocation
 * of the same address is not this request's to take.
 */
export class EarlierReleases {
  readonly #done = new Map<string, Release>();
  readonly #planned = new Map<string, Release[]>();

  begin(): void {
    this.#planned.clear();
  }

  plan(blockKey: string, block: AllocationBlock, ordinal: number): void {
    const release = { address: addressOf(block, ordinal), sequence: sequenceOf(block, ordinal) };
    this.#planned.set(blockKey, [...(this.#planned.get(blockKey) ?? []), release]);
  }

  mayHaveWritten(blockKey: string): void {
    for (const release of this.#planned.get(blockKey) ?? []) this.#done.set(formatAddress(release.address), release);
  }

  /** True if the address was released, and is not (or not yet again) in the same allocation. */
  has(address: Address, block: AllocationBlock | undefined, ordinal: number): boolean {
    const done = this.#done.get(formatAddress(address));
    if (done === undefined || block === undefined) return done !== undefined;
    const isHeld = isAllocated(block, ordinal) && !isCooling(block, ordinal);
    return !isHeld || sequenceOf(block, ordinal) !== done.sequence;
  }

  all(): readonly Address[] {
    const planned = [...this.#planned.values()].flat();
    return [
      ...new Map([...this.#done.values(), ...planned].map(({ address }) => [formatAddress(address), address])).values(),
    ];
  }
}
