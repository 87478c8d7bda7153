import { Attributes } from "@ocicat/netlink";
import { DATA_TYPES } from "../ir/data-type.ts";
import {
  COUNTER,
  type Expression,
  inSet,
  type LimitUnit,
  limit,
  masquerade,
  notInSet,
  opaque,
  verdict,
  verdictFrom,
} from "../ir/expression.ts";
import { typeOf } from "../ir/operand.ts";
import type { Verdict } from "../ir/verdict.ts";
import * as nft from "./constants.ts";
import { decodeComparison, decodeRange } from "./decode-compare.ts";
import { decodeLoad, type Source } from "./decode-load.ts";
import { LIMIT_SECONDS } from "./encode-expression.ts";
import { verdictName } from "./names.ts";
import { FIRST_SLOT, slotOf, slotsOf } from "./register.ts";

/** What a rule had counted when it was read. */
export interface Counters {
  readonly packets: bigint;
  readonly bytes: bigint;
}

export interface DecodedBody {
  readonly body: readonly Expression[];
  /** Of the first counter in the body. */
  readonly counters: Counters | undefined;
}

/**
 * The inverse of compileBody: runs the program on registers that hold not a packet's bytes but the name of what was loaded.
 * Instructions that do not add up to an expression of the model come out as they came in: opaque, and in their place.
 */
export function decodeBody(list: Attributes | undefined): DecodedBody {
  const machine = new Machine();
  for (const { payload } of list?.each() ?? []) {
    const entry = new Attributes(payload);
    machine.step({
      name: entry.string(nft.NFTA_EXPR_NAME) ?? "",
      data: entry.bytes(nft.NFTA_EXPR_DATA) ?? new Uint8Array(),
    });
  }
  return machine.finish();
}

/** Reads an nft_data that holds a verdict. */
export function decodeVerdict(data: Attributes | undefined): Verdict | undefined {
  const attributes = data?.nested(nft.NFTA_DATA_VERDICT);
  const kind = verdictName(attributes?.u32be(nft.NFTA_VERDICT_CODE));
  if (kind === undefined) return undefined;
  if (kind !== "jump" && kind !== "goto") return Object.freeze({ kind });
  const chain = attributes?.string(nft.NFTA_VERDICT_CHAIN);
  return chain === undefined ? undefined : Object.freeze({ kind, chain });
}

interface RawInstruction {
  readonly name: string;
  readonly data: Uint8Array;
}

/** What is in registers and not used yet, with the instructions that put it there. */
interface Loaded extends Source {
  readonly mask: Uint8Array | undefined;
  /** `cmp gte` has come; its `cmp lte` must follow. */
  readonly atLeast: Uint8Array | undefined;
  readonly instructions: readonly RawInstruction[];
}

class Machine {
  readonly #body: Expression[] = [];
  #loaded: readonly Loaded[] = [];
  #counters: Counters | undefined;

  step(instruction: RawInstruction): void {
    if (!this.#understands(instruction, new Attributes(instruction.data))) this.#keepOpaque(instruction);
  }

  finish(): DecodedBody {
    this.#keepOpaque();
    return { body: Object.freeze([...this.#body]), counters: this.#counters };
  }

  #understands(instruction: RawInstruction, data: Attributes): boolean {
    switch (instruction.name) {
      case "meta":
      case "ct":
      case "payload":
        return this.#load(instruction, decodeLoad(instruction.name, data));
      case "bitwise":
        return this.#mask(instruction, data);
      case "cmp":
        return this.#compare(instruction, data);
      case "range":
        return this.#outside(data);
      case "lookup":
        return this.#lookup(data);
      case "counter":
        this.#counters ??= decodeCounters(data);
        return this.#say(COUNTER);
      case "immediate":
        return this.#say(decodeImmediate(data));
      case "limit":
        return this.#say(decodeLimit(data));
      case "masq":
        return this.#say(decodeMasquerade(data));
      default:
        return false;
    }
  }

  #load(instruction: RawInstruction, source: Source | undefined): boolean {
    if (source === undefined || this.#loaded.some((other) => other.atLeast !== undefined)) return false;
    this.#loaded = [...this.#loaded, { ...source, mask: undefined, atLeast: undefined, instructions: [instruction] }];
    return true;
  }

  #mask(instruction: RawInstruction, data: Attributes): boolean {
    const loaded = this.#only(data.u32be(nft.NFTA_BITWISE_SREG));
    const mask = bytesIn(data, nft.NFTA_BITWISE_MASK);
    const inPlace = data.u32be(nft.NFTA_BITWISE_DREG) === data.u32be(nft.NFTA_BITWISE_SREG);
    const masking = (data.u32be(nft.NFTA_BITWISE_OP) ?? nft.NFT_BITWISE_MASK_XOR) === nft.NFT_BITWISE_MASK_XOR;
    const flips = bytesIn(data, nft.NFTA_BITWISE_XOR)?.some((byte) => byte !== 0) ?? false;
    if (loaded === undefined || mask === undefined || loaded.mask !== undefined || loaded.atLeast !== undefined) {
      return false;
    }
    if (!inPlace || !masking || flips || mask.length !== loaded.bytes) return false;
    this.#loaded = [{ ...loaded, mask, instructions: [...loaded.instructions, instruction] }];
    return true;
  }

  #compare(instruction: RawInstruction, data: Attributes): boolean {
    const loaded = this.#only(data.u32be(nft.NFTA_CMP_SREG));
    const bytes = bytesIn(data, nft.NFTA_CMP_DATA);
    if (loaded === undefined || bytes === undefined) return false;
    const operator = data.u32be(nft.NFTA_CMP_OP);
    if (loaded.atLeast !== undefined) {
      if (operator !== nft.NFT_CMP_LTE) return false;
      return this.#say(decodeRange(loaded, false, loaded.atLeast, bytes), "loaded");
    }
    switch (operator) {
      case nft.NFT_CMP_EQ:
      case nft.NFT_CMP_NEQ:
        return this.#say(decodeComparison(loaded, operator === nft.NFT_CMP_NEQ, bytes), "loaded");
      case nft.NFT_CMP_GTE:
        this.#loaded = [{ ...loaded, atLeast: bytes, instructions: [...loaded.instructions, instruction] }];
        return true;
      default:
        return false;
    }
  }

  #outside(data: Attributes): boolean {
    const loaded = this.#only(data.u32be(nft.NFTA_RANGE_SREG));
    const first = bytesIn(data, nft.NFTA_RANGE_FROM_DATA);
    const last = bytesIn(data, nft.NFTA_RANGE_TO_DATA);
    if (loaded === undefined || loaded.atLeast !== undefined || first === undefined || last === undefined) return false;
    if (data.u32be(nft.NFTA_RANGE_OP) !== nft.NFT_RANGE_NEQ) return false;
    return this.#say(decodeRange(loaded, true, first, last), "loaded");
  }

  #lookup(data: Attributes): boolean {
    const set = data.string(nft.NFTA_LOOKUP_SET);
    if (set === undefined || !this.#sideBySide() || !this.#reads(data.u32be(nft.NFTA_LOOKUP_SREG))) return false;
    const keys = this.#loaded.map((loaded) => loaded.operand);
    const flags = data.u32be(nft.NFTA_LOOKUP_FLAGS) ?? 0;
    const destination = data.u32be(nft.NFTA_LOOKUP_DREG);
    if (destination === nft.NFT_REG_VERDICT && flags === 0) return this.#say(verdictFrom(keys, set), "loaded");
    if (destination !== undefined || (flags & ~nft.NFT_LOOKUP_F_INV) !== 0) return false;
    return this.#say(flags === 0 ? inSet(keys, set) : notInSet(keys, set), "loaded");
  }

  /** The one thing loaded, if there is one only and it is in that register. */
  #only(register: number | undefined): Loaded | undefined {
    const [loaded] = this.#loaded;
    return this.#loaded.length === 1 && this.#reads(register) ? loaded : undefined;
  }

  /** Programs of ours begin at the first register. */
  #reads(register: number | undefined): boolean {
    return register !== undefined && slotOf(register) === FIRST_SLOT && this.#loaded[0]?.slot === FIRST_SLOT;
  }

  /** Whole fields without a gap between them: a key. */
  #sideBySide(): boolean {
    let slot = FIRST_SLOT;
    for (const loaded of this.#loaded) {
      const { bytes } = DATA_TYPES[typeOf(loaded.operand)];
      if (loaded.slot !== slot || loaded.bytes !== bytes || loaded.mask !== undefined || loaded.atLeast !== undefined) {
        return false;
      }
      slot += slotsOf(bytes);
    }
    return slot > FIRST_SLOT;
  }

  /** An expression that used up what was loaded; one that uses nothing must find nothing loaded. */
  #say(expression: Expression | undefined, uses: "loaded" | "nothing" = "nothing"): boolean {
    if (expression === undefined) return false;
    if (uses === "nothing") this.#keepOpaque();
    this.#loaded = [];
    this.#body.push(expression);
    return true;
  }

  #keepOpaque(...more: readonly RawInstruction[]): void {
    const pending = this.#loaded.flatMap((loaded) => loaded.instructions);
    this.#loaded = [];
    for (const { name, data } of [...pending, ...more]) this.#body.push(opaque(name, data.slice()));
  }
}

const unitBySeconds = new Map<bigint | undefined, LimitUnit>();
for (const unit in LIMIT_SECONDS) unitBySeconds.set(LIMIT_SECONDS[unit as LimitUnit], unit as LimitUnit);

function decodeCounters(data: Attributes): Counters {
  return { packets: data.u64be(nft.NFTA_COUNTER_PACKETS) ?? 0n, bytes: data.u64be(nft.NFTA_COUNTER_BYTES) ?? 0n };
}

function decodeImmediate(data: Attributes): Expression | undefined {
  if (data.u32be(nft.NFTA_IMMEDIATE_DREG) !== nft.NFT_REG_VERDICT) return undefined;
  const decoded = decodeVerdict(data.nested(nft.NFTA_IMMEDIATE_DATA));
  return decoded && verdict(decoded);
}

function decodeLimit(data: Attributes): Expression | undefined {
  const rate = data.u64be(nft.NFTA_LIMIT_RATE);
  const unit = unitBySeconds.get(data.u64be(nft.NFTA_LIMIT_UNIT));
  const type = data.u32be(nft.NFTA_LIMIT_TYPE) ?? nft.NFT_LIMIT_PKTS;
  if (rate === undefined || unit === undefined || type > nft.NFT_LIMIT_PKT_BYTES) return undefined;
  return limit(rate, unit, {
    of: type === nft.NFT_LIMIT_PKTS ? "packets" : "bytes",
    burst: data.u32be(nft.NFTA_LIMIT_BURST) ?? 0,
    over: ((data.u32be(nft.NFTA_LIMIT_FLAGS) ?? 0) & nft.NFT_LIMIT_F_INV) !== 0,
  });
}

function decodeMasquerade(data: Attributes): Expression | undefined {
  const flags = data.u32be(nft.NFTA_MASQ_FLAGS) ?? 0;
  const onlyFlags = data.each().every(({ type }) => type === nft.NFTA_MASQ_FLAGS);
  if (!onlyFlags || (flags !== 0 && flags !== nft.NF_NAT_RANGE_PROTO_RANDOM_FULLY)) return undefined;
  return masquerade({ fullyRandom: flags !== 0 });
}

function bytesIn(data: Attributes, type: number): Uint8Array | undefined {
  return data.nested(type)?.bytes(nft.NFTA_DATA_VALUE);
}
