import { POLICY_TABLE, policyChainName, profileChainName } from "@ocicat/enforcement";
import type { Kernel } from "@ocicat/linux";
import { type ActualTable, readTables } from "@ocicat/nftables";
import type { Direction, Policy, Profile } from "@ocicat/policy";

export interface Count {
  readonly packets: number;
  readonly bytes: number;
}

/** What the kernel's rules have met, asked for when somebody wants to know. */
export class RuleCounters {
  readonly #kernel: Pick<Kernel, "nftQuery">;

  constructor(kernel: Pick<Kernel, "nftQuery">) {
    this.#kernel = kernel;
  }

  /** As they are now. Throws KernelError. */
  read(): Counts {
    return new Counts(readTables(this.#kernel.nftQuery.bind(this.#kernel), [POLICY_TABLE])[0]);
  }
}

/** By chain and the rule's place in its resource, which its comment tells. */
export class Counts {
  readonly #counts = new Map<string, Count>();

  constructor(actual: ActualTable | undefined) {
    for (const { name, rules } of actual?.table.chains ?? []) {
      for (const [index, { comment }] of rules.entries()) {
        const field = FIELD.exec(comment ?? "")?.[0];
        const counters = actual?.ruleStates.get(name)?.[index]?.counters;
        if (field === undefined || counters === undefined) continue;
        const key = `${name} ${field}`;
        const { packets = 0, bytes = 0 } = this.#counts.get(key) ?? {};
        this.#counts.set(key, {
          packets: packets + Number(counters.packets),
          bytes: bytes + Number(counters.bytes),
        });
      }
    }
  }

  /** Zero for what is not in the kernel: a staged policy's. */
  of(rules: Policy | Profile, direction: Direction, field: string): Count {
    const chain = "id" in rules ? policyChainName(rules.id, direction) : profileChainName(rules.name, direction);
    return this.#counts.get(`${chain} ${field}`) ?? { packets: 0, bytes: 0 };
  }
}

const FIELD = /spec\.(?:ingress|egress)\[\d+\]/;
