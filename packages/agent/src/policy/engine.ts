import {
  type CompileOptions,
  EMPTY_POLICY_TABLE,
  type NodeInterfaces,
  POLICY_TABLE,
  PolicyTables,
} from "@ocicat/enforcement";
import type { Clock, Logger } from "@ocicat/kit";
import type { NftReconciler, TableEdits } from "@ocicat/nftables";
import { conditionsOf, type EndpointNeeds, PolicyIndex } from "@ocicat/policy";
import type { Tables } from "../tables/tables.ts";
import { feedIndex } from "./feed.ts";
import { LocalNeeds } from "./local-needs.ts";
import { Pending } from "./pending.ts";
import type { Revoker } from "./revoker.ts";
import { Suspects } from "./suspects.ts";
import { policyTables } from "./tables.ts";

export interface PolicyEngineOptions {
  readonly self: string;
  readonly tables: Tables;
  readonly nft: Pick<NftReconciler, "setTables"> & TableEdits;
  readonly compile: CompileOptions;
  readonly revoker: Pick<Revoker, "suspect" | "run">;
  /** Something is to be written. */
  readonly onChange: () => void;
  /** Milliseconds from the first word of a change to its rules in the kernel. */
  readonly onEnforced: (ms: number) => void;
  /** A host endpoint is told by its addresses: somebody has to tell of the interfaces. */
  readonly onHostByAddress: () => void;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Runs work in a later turn of the event loop. */
  readonly defer: (work: () => void) => void;
}

/**
 * Policy on this node: tables → index → rules. What has changed is taken up as it comes, worked out once a turn, and handed
 * to whoever writes the rules, who does it in one transaction with all else that is due.
 */
export class PolicyEngine {
  readonly #options: PolicyEngineOptions;
  readonly #index: PolicyIndex;
  readonly #tables: PolicyTables;
  readonly #pending: Pending;
  readonly local = new LocalNeeds();
  #compile: CompileOptions;
  #running = false;
  #scheduled = false;
  #dirty = true;

  constructor(options: PolicyEngineOptions) {
    this.#options = options;
    this.#compile = options.compile;
    this.#pending = new Pending(options.clock);
    this.#index = new PolicyIndex(options.self);
    const { nft, tables, logger } = options;
    nft.setTables([POLICY_TABLE], [EMPTY_POLICY_TABLE]);
    this.#tables = new PolicyTables(nft, options.compile);
    feedIndex(tables, this.#index, () => this.#touch());
    for (const each of policyTables(tables.policy)) {
      each.subscribe((_key, policy) => {
        for (const condition of policy === undefined ? [] : conditionsOf(policy)) {
          logger.error("a policy is not enforced as it was written", { ...condition, resource: policy?.id });
        }
      });
    }
  }

  /** From the first complete picture on: everything before was only collected. */
  start(): void {
    this.#running = true;
    this.flush();
  }

  /** Works out what has changed, now. Whoever needs it in the kernel then writes the rules. */
  flush(): void {
    if (!this.#running || !this.#dirty) return;
    this.#dirty = false;
    const change = this.#index.flush();
    this.local.apply(change);
    this.#options.revoker.suspect(Suspects.of(change, this.local));
    this.#tables.apply(change);
    this.#pending.workedOut();
    this.#options.onChange();
    const isByAddress = (needs: EndpointNeeds | undefined) =>
      needs?.endpoint.kind === "host" && needs.endpoint.interfaceName === "";
    if ([...change.endpoints.values()].some(isByAddress)) this.#options.onHostByAddress();
  }

  /** The kernel has what was worked out last. */
  applied(): void {
    const waited = this.#pending.applied();
    if (waited !== undefined) this.#options.onEnforced(waited);
    this.#options.revoker.run(this.local);
  }

  get compile(): CompileOptions {
    return this.#compile;
  }

  /** FelixConfiguration says otherwise than before. */
  setCompile(options: CompileOptions): void {
    this.#compile = options;
    this.#tables.setOptions(options);
    this.#options.revoker.suspect(Suspects.all(this.local));
    this.#options.onChange();
  }

  setInterfaces(interfaces: NodeInterfaces): void {
    this.#tables.setInterfaces(interfaces);
    this.#options.onChange();
  }

  /** Whether all that is known is in the kernel. */
  get settled(): boolean {
    return this.#running && !this.#dirty && !this.#pending.waits;
  }

  /** Whether the endpoint's rules are among those worked out. */
  knows(key: string): boolean {
    return this.local.endpoints.has(key);
  }

  #touch(): void {
    this.#dirty = true;
    this.#pending.seen();
    if (this.#scheduled || !this.#running) return;
    this.#scheduled = true;
    this.#options.defer(() => {
      this.#scheduled = false;
      this.flush();
    });
  }
}
