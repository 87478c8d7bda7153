import type { Family, Prefix } from "@ocicat/net";
import type { CodecContext } from "../wire/context.ts";
import { packAnnouncements, packWithdrawals } from "../wire/pack.ts";
import type { AttributeSet } from "./attribute-store.ts";
import type { RibPeer } from "./path.ts";

/** An encoded UPDATE for all members of a group but `except`, who told us of these routes. */
export interface Outgoing {
  readonly bytes: Uint8Array;
  readonly except: RibPeer | undefined;
}

interface Bucket<T> {
  readonly of: T;
  readonly family: Family;
  readonly except: RibPeer | undefined;
  readonly prefixes: Prefix[];
}

/** Collects changes and packs them: withdrawals first, then announcements, prefixes with equal attributes together. */
export class Bundle {
  readonly #withdrawals: Bucket<undefined>[] = [];
  /** Buckets of a set, one for each family and source among its prefixes: nearly always one. */
  readonly #announcements = new Map<AttributeSet, Bucket<AttributeSet>[]>();

  withdraw(prefix: Prefix, except: RibPeer | undefined): void {
    add(this.#withdrawals, undefined, prefix, except);
  }

  announce(prefix: Prefix, set: AttributeSet, except: RibPeer | undefined): void {
    let buckets = this.#announcements.get(set);
    if (buckets === undefined) {
      buckets = [];
      this.#announcements.set(set, buckets);
    }
    add(buckets, set, prefix, except);
  }

  /** The UPDATEs, each encoded once. */
  *pack(context: CodecContext): IterableIterator<Outgoing> {
    for (const { family, prefixes, except } of this.#withdrawals) {
      for (const bytes of packWithdrawals(family, prefixes, context)) yield { bytes, except };
    }
    for (const buckets of this.#announcements.values()) {
      for (const { of, family, prefixes, except } of buckets) {
        for (const bytes of packAnnouncements(of.attributes, family, prefixes, context)) yield { bytes, except };
      }
    }
  }
}

function add<T>(buckets: Bucket<T>[], of: T, prefix: Prefix, except: RibPeer | undefined): void {
  const { family } = prefix;
  const bucket = buckets.find((one) => one.family === family && one.except === except);
  if (bucket === undefined) buckets.push({ of, family, except, prefixes: [prefix] });
  else bucket.prefixes.push(prefix);
}
