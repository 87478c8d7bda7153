import type { MessageInitShape } from "@bufbuild/protobuf";
import type { Random } from "@ocicat/kit";
import type {
  CompactionRequestSchema,
  Compare_CompareResult,
  Compare_CompareTarget,
  CompareSchema,
  DeleteRangeRequestSchema,
  LeaseGrantRequestSchema,
  LeaseRevokeRequestSchema,
  PutRequestSchema,
  RangeRequest_SortOrder,
  RangeRequest_SortTarget,
  RangeRequestSchema,
  RequestOpSchema,
  TxnRequestSchema,
} from "../../../src/proto/rpc_pb.ts";

export type RandomRequest =
  | { readonly kind: "range"; readonly request: MessageInitShape<typeof RangeRequestSchema> }
  | { readonly kind: "put"; readonly request: MessageInitShape<typeof PutRequestSchema> }
  | { readonly kind: "deleteRange"; readonly request: MessageInitShape<typeof DeleteRangeRequestSchema> }
  | { readonly kind: "txn"; readonly request: MessageInitShape<typeof TxnRequestSchema> }
  | { readonly kind: "compact"; readonly request: MessageInitShape<typeof CompactionRequestSchema> }
  | { readonly kind: "leaseGrant"; readonly request: MessageInitShape<typeof LeaseGrantRequestSchema> }
  | { readonly kind: "leaseRevoke"; readonly request: MessageInitShape<typeof LeaseRevokeRequestSchema> };

const KEYS = ["a", "a/", "a/b", "a/c", "b", "b/a", "c"].map((key) => Buffer.from(key));
const VALUES = ["", "x", "y", "long".repeat(20)].map((value) => Buffer.from(value));
const ENDS = [...KEYS, Buffer.from("a0"), Buffer.from("z"), Buffer.from([0])];
const LEASES = [1n, 2n, 3n];
const NOTHING = new Uint8Array(0);

/** Random requests over few keys, mostly valid, now and then not. */
export class RequestMaker {
  readonly #random: Random;

  constructor(random: Random) {
    this.#random = random;
  }

  /** `revision`: where the store is now. */
  next(revision: bigint): RandomRequest {
    const draw = this.#below(100);
    if (draw < 25) return { kind: "range", request: this.#range(revision) };
    if (draw < 55) return { kind: "put", request: this.#put() };
    if (draw < 65) return { kind: "deleteRange", request: this.#delete() };
    if (draw < 91) return { kind: "txn", request: this.#txn(revision, 0) };
    if (draw < 93)
      return { kind: "compact", request: { revision: revision - BigInt(this.#below(20)), physical: true } };
    if (draw < 97) return { kind: "leaseGrant", request: { ID: this.#pick(LEASES), TTL: 100_000n } };
    return { kind: "leaseRevoke", request: { ID: this.#pick(LEASES) } };
  }

  #range(revision: bigint): MessageInitShape<typeof RangeRequestSchema> {
    const near = () => (this.#chance(20) ? revision - BigInt(this.#below(12)) : 0n);
    return {
      key: this.#key(),
      rangeEnd: this.#end(),
      limit: this.#chance(30) ? BigInt(this.#below(4)) : 0n,
      revision: this.#chance(30) ? revision + 2n - BigInt(this.#below(25)) : 0n,
      sortOrder: this.#below(3) as RangeRequest_SortOrder,
      sortTarget: this.#below(5) as RangeRequest_SortTarget,
      serializable: this.#chance(20),
      keysOnly: this.#chance(20),
      countOnly: this.#chance(10),
      minModRevision: near(),
      maxModRevision: near(),
      minCreateRevision: near(),
      maxCreateRevision: near(),
    };
  }

  #put(): MessageInitShape<typeof PutRequestSchema> {
    return {
      key: this.#key(),
      value: this.#chance(10) ? NOTHING : this.#pick(VALUES),
      lease: this.#chance(20) ? this.#pick(LEASES) : 0n,
      prevKv: this.#chance(40),
      ignoreValue: this.#chance(10),
      ignoreLease: this.#chance(10),
    };
  }

  #delete(): MessageInitShape<typeof DeleteRangeRequestSchema> {
    return { key: this.#key(), rangeEnd: this.#chance(70) ? NOTHING : this.#end(), prevKv: this.#chance(50) };
  }

  /** With an end: a put of the same transaction that keeps the value or lease of what is deleted makes etcd 3.4 panic. */
  #deleteInTxn(): MessageInitShape<typeof DeleteRangeRequestSchema> {
    return { key: this.#key(), rangeEnd: this.#chance(70) ? NOTHING : this.#pick(KEYS), prevKv: this.#chance(50) };
  }

  #txn(revision: bigint, depth: number): MessageInitShape<typeof TxnRequestSchema> {
    const operations = () => this.#times(3, () => this.#operation(revision, depth));
    return { compare: this.#times(2, () => this.#compare(revision)), success: operations(), failure: operations() };
  }

  #operation(revision: bigint, depth: number): MessageInitShape<typeof RequestOpSchema> {
    const draw = this.#below(100);
    if (draw < 25) return { request: { case: "requestRange", value: this.#range(revision) } };
    if (draw < 65) return { request: { case: "requestPut", value: this.#put() } };
    if (draw < 80) return { request: { case: "requestDeleteRange", value: this.#deleteInTxn() } };
    if (draw < 99 && depth < 2) return { request: { case: "requestTxn", value: this.#txn(revision, depth + 1) } };
    return {};
  }

  #compare(revision: bigint): MessageInitShape<typeof CompareSchema> {
    const operands: MessageInitShape<typeof CompareSchema>["targetUnion"][] = [
      { case: "version", value: BigInt(this.#below(4)) },
      { case: "createRevision", value: revision - BigInt(this.#below(15)) },
      { case: "modRevision", value: this.#chance(50) ? 0n : revision - BigInt(this.#below(15)) },
      { case: "value", value: this.#pick(VALUES) },
      { case: "lease", value: BigInt(this.#below(4)) },
    ];
    const target = this.#below(5);
    const operand = this.#chance(90) ? operands[target] : this.#pick(operands);
    return {
      key: this.#key(),
      rangeEnd: this.#chance(70) ? NOTHING : this.#end(),
      target: target as Compare_CompareTarget,
      result: this.#below(4) as Compare_CompareResult,
      ...(operand === undefined ? {} : { targetUnion: operand }),
    };
  }

  #key(): Uint8Array {
    return this.#chance(2) ? NOTHING : this.#pick(KEYS);
  }

  #end(): Uint8Array {
    return this.#chance(30) ? NOTHING : this.#pick(ENDS);
  }

  #times<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.#below(most + 1) }, make);
  }

  #pick<T>(values: readonly T[]): T {
    const value = values[this.#below(values.length)];
    if (value === undefined) throw new RangeError("nothing to pick from");
    return value;
  }

  #chance(percent: number): boolean {
    return this.#below(100) < percent;
  }

  #below(bound: number): number {
    return this.#random.uint32() % bound;
  }
}
