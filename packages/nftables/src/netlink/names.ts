import type { ChainPolicy, Hook } from "../ir/chain.ts";
import type { TableFamily } from "../ir/table.ts";
import type { Verdict } from "../ir/verdict.ts";

/** NFPROTO_*: inet is 1 here, not AF_INET's 2, which is ip. */
export const FAMILY_NUMBERS: Readonly<Record<TableFamily, number>> = {
  inet: 1,
  ip: 2,
  arp: 3,
  netdev: 5,
  bridge: 7,
  ip6: 10,
};

/** NF_INET_*, which NF_BR_* follows for these five. */
export const HOOK_NUMBERS: Readonly<Record<Hook, number>> = {
  prerouting: 0,
  input: 1,
  forward: 2,
  output: 3,
  postrouting: 4,
};

export const POLICY_NUMBERS: Readonly<Record<ChainPolicy, number>> = { drop: 0, accept: 1 };

/** NF_DROP, NF_ACCEPT, NFT_*: the negative ones as unsigned 32-bit. */
export const VERDICT_CODES: Readonly<Record<Verdict["kind"], number>> = {
  drop: 0,
  accept: 1,
  jump: 0xffff_fffd,
  goto: 0xffff_fffc,
  return: 0xffff_fffb,
};

export const familyName = inverse(FAMILY_NUMBERS);
export const hookName = inverse(HOOK_NUMBERS);
export const policyName = inverse(POLICY_NUMBERS);
export const verdictName = inverse(VERDICT_CODES);

function inverse<K extends string>(numbers: Readonly<Record<K, number>>): (value: number | undefined) => K | undefined {
  const names = new Map<number | undefined, K>();
  for (const name in numbers) names.set(numbers[name], name);
  return (value) => names.get(value);
}
