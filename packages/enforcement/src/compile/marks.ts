import { bits, type Expression, meta, setMark } from "@ocicat/nftables";

/**
 * Bits of the packet's mark that are ours, of Calico's own mask 0xffff0000.
 *
 *     ACCEPTED   a host endpoint's untracked or pre-DNAT policy allowed the packet: its normal policies are not asked
 *     PASSED     a rule said pass: the rest of its tier is not asked. Never set outside a group chain
 */
export const ACCEPTED = 0x10000;
export const PASSED = 0x20000;

export function setBit(bit: number): Expression {
  return setMark("meta", bit, bit);
}

export function clearBit(bit: number): Expression {
  return setMark("meta", 0, bit);
}

export function hasBit(bit: number): Expression {
  return bits(meta("mark"), bit, bit);
}

export function lacksBit(bit: number): Expression {
  return bits(meta("mark"), bit, 0);
}
