import { Attributes } from "@ocicat/netlink";
import { DATA_TYPES } from "../ir/data-type.ts";
import {
  COUNTER,
  type Expression,
  equal,
  inSet,
  NOTRACK,
  notInSet,
  opaque,
  verdict,
  verdictFrom,
} from "../ir/expression.ts";
import { CT_KEYS, META_KEYS, NETWORK_HEADER, type Operand, type PacketKind, payload, typeOf } from "../ir/operand.ts";
import { provenBy } from "../ir/proof.ts";
import type { TableFamily } from "../ir/table.ts";
import { number } from "../ir/value.ts";
import { renderOperand } from "../text/expression.ts";
import * as nft from "./constants.ts";
import { decodeComparison, decodeRange } from "./decode-compare.ts";
import { decodeLoad, type Source } from "./decode-load.ts";
import {
  type Counters,
  decodeConnectionLimit,
  decodeCounters,
  decodeLimit,
  decodeLog,
  decodeMasquerade,
  decodeReject,
  decodeSetDscp,
  decodeSetMark,
  decodeTranslation,
  decodeVerdict,
  type Stored,
} from "./decode-statement.ts";
import { FIRST_SLOT, slotOf, slotsOf } from "./register.ts";

export interface DecodedBody {
  readonly body: readonly Expression[];
  /** Of the first counter in the body. */
  readonly counters: Counters | undefined;
}

/**
 * The inverse of compileBody: runs the program on registers that hold not a packet's bytes but the name of what was loaded.
 * Instructions that do not add up to an expression of the model come out as they came in: opaque, and in their place.
 */
export function decodeBody(list: Attributes | undefined, family: TableFamily | undefined): DecodedBody {
  const machine = new Machine(family);
  for (const { payload } of list?.each() ?? []) {
    const entry = new Attributes(payload);
    machine.step({
      name: entry.string(nft.NFTA_EXPR_NAME) ?? "",
      data: entry.bytes(nft.NFTA_EXPR_DATA) ?? new Uint8Array(),
    });
  }
  return machine.finish();
}

const MARK_KEYS = { meta: META_KEYS.mark.key, ct: CT_KEYS.mark.key };
/** As what the two bytes are known that an IPv4 header's DSCP is written with, too. */
const WORD_WITH_DSCP = payload("ip6 dscp");

interface RawInstruction {
  readonly name: string;
  readonly data: Uint8Array;
}

/** What is in registers and not used yet, with the instructions that put it there. */
interface Loaded extends Source {
  readonly mask: Uint8Array | undefined;
  /** What `bitwise` turns over behind the mask; undefined: nothing. */
  readonly flips: Uint8Array | undefined;
  /** `cmp gte` has come; its `cmp lte` must follow. */
  readonly atLeast: Uint8Array | undefined;
  readonly instructions: readonly RawInstruction[];
}

class Machine {
  readonly #body: Expression[] = [];
  #loaded: readonly Loaded[] = [];
  /** A constant in the first register, in place of something loaded. */
  #constant: { readonly bytes: Uint8Array; readonly instruction: RawInstruction } | undefined;
  /** What the comparisons so far have proved. */
  readonly #known = new Set<PacketKind>();
  #counters: Counters | undefined;

  constructor(family: TableFamily | undefined) {
    if (family === "ip") this.#known.add("ipv4");
    if (family === "ip6") this.#known.add("ipv6");
  }

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
        return data.has(nft.NFTA_META_SREG)
          ? this.#storeMark("meta", data, nft.NFTA_META_SREG, nft.NFTA_META_KEY)
          : this.#load(instruction, decodeLoad(instruction.name, data, this.#known));
      case "ct":
        return data.has(nft.NFTA_CT_SREG)
          ? this.#storeMark("ct", data, nft.NFTA_CT_SREG, nft.NFTA_CT_KEY)
          : this.#load(instruction, decodeLoad(instruction.name, data, this.#known));
      case "payload":
        return data.has(nft.NFTA_PAYLOAD_SREG)
          ? this.#storeDscp(data)
          : this.#load(instruction, decodeLoad(instruction.name, data, this.#known));
      case "fib":
        return this.#load(instruction, decodeLoad(instruction.name, data, this.#known));
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
        return this.#immediate(instruction, data);
      case "nat": {
        const bytes = this.#constant?.bytes;
        const register = data.u32be(nft.NFTA_NAT_REG_ADDR_MIN);
        return bytes !== undefined && slotOf(register ?? 0) === FIRST_SLOT
          ? this.#say(decodeTranslation(data, bytes), "loaded")
          : false;
      }
      case "log":
        return this.#say(decodeLog(data));
      case "notrack":
        return this.#say(NOTRACK);
      case "reject":
        return this.#say(
          decodeReject(data, this.#known.has("ipv4") ? "icmp" : this.#known.has("ipv6") ? "icmpv6" : undefined),
        );
      case "connlimit":
        return this.#say(decodeConnectionLimit(data));
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
    if (this.#constant !== undefined) this.#keepOpaque();
    const untouched = { mask: undefined, flips: undefined, atLeast: undefined };
    this.#loaded = [...this.#loaded, { ...source, ...untouched, instructions: [instruction] }];
    return true;
  }

  #immediate(instruction: RawInstruction, data: Attributes): boolean {
    const register = data.u32be(nft.NFTA_IMMEDIATE_DREG);
    if (register === nft.NFT_REG_VERDICT) {
      const decoded = decodeVerdict(data.nested(nft.NFTA_IMMEDIATE_DATA));
      return this.#say(decoded && verdict(decoded));
    }
    const bytes = bytesIn(data, nft.NFTA_IMMEDIATE_DATA);
    if (register === undefined || slotOf(register) !== FIRST_SLOT || bytes === undefined) return false;
    this.#keepOpaque();
    this.#constant = { bytes, instruction };
    return true;
  }

  #storeMark(of: "meta" | "ct", data: Attributes, register: number, key: number): boolean {
    const stored = this.#stored(data.u32be(register), { kind: of, key: "mark" });
    const isMark = data.u32be(key) === MARK_KEYS[of];
    return isMark && stored !== undefined && this.#say(decodeSetMark(of, stored), "loaded");
  }

  #storeDscp(data: Attributes): boolean {
    const stored = this.#stored(data.u32be(nft.NFTA_PAYLOAD_SREG), WORD_WITH_DSCP);
    const atStart = data.u32be(nft.NFTA_PAYLOAD_BASE) === NETWORK_HEADER && data.u32be(nft.NFTA_PAYLOAD_OFFSET) === 0;
    return atStart && stored !== undefined && this.#say(decodeSetDscp(data, stored), "loaded");
  }

  /** What is in the register, if it was made of what it is written back to, or is a constant. */
  #stored(register: number | undefined, from: Operand): Stored | undefined {
    const constant = this.#constant;
    if (register === undefined || slotOf(register) !== FIRST_SLOT) return undefined;
    if (constant !== undefined) return { mask: new Uint8Array(constant.bytes.length), flips: constant.bytes };
    const loaded = this.#only(register);
    if (loaded?.mask === undefined || loaded.atLeast !== undefined) return undefined;
    if (renderOperand(loaded.operand) !== renderOperand(from)) return undefined;
    return { mask: loaded.mask, flips: loaded.flips ?? new Uint8Array(loaded.mask.length) };
  }

  #mask(instruction: RawInstruction, data: Attributes): boolean {
    const loaded = this.#only(data.u32be(nft.NFTA_BITWISE_SREG));
    const mask = bytesIn(data, nft.NFTA_BITWISE_MASK);
    const inPlace = data.u32be(nft.NFTA_BITWISE_DREG) === data.u32be(nft.NFTA_BITWISE_SREG);
    const masking = (data.u32be(nft.NFTA_BITWISE_OP) ?? nft.NFT_BITWISE_MASK_XOR) === nft.NFT_BITWISE_MASK_XOR;
    const flips = bytesIn(data, nft.NFTA_BITWISE_XOR);
    if (loaded === undefined || mask === undefined || loaded.mask !== undefined || loaded.atLeast !== undefined) {
      return false;
    }
    if (!inPlace || !masking || mask.length !== loaded.bytes) return false;
    const turned = flips?.some((byte) => byte !== 0) === true ? flips : undefined;
    this.#loaded = [{ ...loaded, mask, flips: turned, instructions: [...loaded.instructions, instruction] }];
    return true;
  }

  #compare(instruction: RawInstruction, data: Attributes): boolean {
    const loaded = this.#only(data.u32be(nft.NFTA_CMP_SREG));
    const bytes = bytesIn(data, nft.NFTA_CMP_DATA);
    if (loaded === undefined || bytes === undefined || loaded.flips !== undefined) return false;
    const operator = data.u32be(nft.NFTA_CMP_OP);
    if (loaded.atLeast !== undefined) {
      if (operator !== nft.NFT_CMP_LTE) return false;
      return this.#say(decodeRange(loaded, false, loaded.atLeast, bytes), "loaded");
    }
    switch (operator) {
      case nft.NFT_CMP_EQ:
      case nft.NFT_CMP_NEQ:
        if (this.#isIcmp(loaded, bytes)) return operator === nft.NFT_CMP_EQ && this.#sayTypeAndCode(bytes);
        return this.#say(decodeComparison(loaded, operator === nft.NFT_CMP_NEQ, bytes), "loaded");
      case nft.NFT_CMP_GTE:
        this.#loaded = [{ ...loaded, atLeast: bytes, instructions: [...loaded.instructions, instruction] }];
        return true;
      default:
        return false;
    }
  }

  /** nft puts comparisons of neighbouring fields into one: of type and code, that looks like a port's. */
  #isIcmp({ operand, mask }: Loaded, bytes: Uint8Array): boolean {
    const icmp = this.#known.has("icmp") || this.#known.has("icmpv6");
    return (
      icmp && operand.kind === "payload" && operand.field === "th sport" && mask === undefined && bytes.length === 2
    );
  }

  #sayTypeAndCode([type = 0, code = 0]: Uint8Array): boolean {
    const protocol = this.#known.has("icmp") ? "icmp" : "icmpv6";
    this.#say(equal(payload(`${protocol} type`), number(type)), "loaded");
    return this.#say(equal(payload(`${protocol} code`), number(code)));
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
    return this.#loaded.length === 1 && this.#constant === undefined && this.#reads(register) ? loaded : undefined;
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
    this.#constant = undefined;
    this.#body.push(expression);
    this.#learn(expression);
    return true;
  }

  #learn(expression: Expression): void {
    for (const fact of provenBy(expression)) this.#known.add(fact);
  }

  #keepOpaque(...more: readonly RawInstruction[]): void {
    const pending = this.#loaded.flatMap((loaded) => loaded.instructions);
    if (this.#constant !== undefined) pending.push(this.#constant.instruction);
    this.#loaded = [];
    this.#constant = undefined;
    for (const { name, data } of [...pending, ...more]) this.#body.push(opaque(name, data.slice()));
  }
}

function bytesIn(data: Attributes, type: number): Uint8Array | undefined {
  return data.nested(type)?.bytes(nft.NFTA_DATA_VALUE);
}
