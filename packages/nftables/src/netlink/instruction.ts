import type { AttributeSink } from "@ocicat/netlink";

/*
 * A rule's body is a program for the kernel's small machine with registers:
 *
 *     iifname "cali*"     meta load iifname => reg 1    cmp eq reg 1 "cali"
 *     @known              meta load iifname => reg 1    lookup reg 1 set known
 *     drop                immediate reg 0 drop
 *
 * The same instructions in the same order as nft writes them, so that nft recognises and prints them.
 */
export type Instruction =
  | { readonly name: string; readonly write: (data: AttributeSink) => void }
  | { readonly name: string; readonly bytes: Uint8Array };
