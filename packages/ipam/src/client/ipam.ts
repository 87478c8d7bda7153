import { type AffinityOwner, handleKey, hostOwner, type Owner } from "@ocicat/api/ipam";
import type { Datastore } from "@ocicat/datastore";
import { type Clock, type Logger, type Random, silentLogger } from "@ocicat/kit";
import type { Family, Prefix } from "@ocicat/net";
import { firstSequenceNumber } from "../block/index.ts";
import { IpamError } from "../errors.ts";
import type { IpamSettings, PoolChoice, PoolUse } from "../pool/index.ts";
import { type RecoverOptions, type RecoverReport, recover } from "../recover/recover.ts";
import { Affinities, type AffinityRelease, type ReleaseAffinityOptions } from "./affinity/affinities.ts";
import type { Committer } from "./commit/committer.ts";
import { SequenceCommitter } from "./commit/sequence.ts";
import { SureWriter } from "./commit/sure.ts";
import { TransactionCommitter } from "./commit/transaction.ts";
import { Acquisitions } from "./plan/acquisitions.ts";
import { AssignJob } from "./plan/assign.ts";
import { AssignIpsJob } from "./plan/assign-ips.ts";
import { ClaimBlockJob, EnsureBlockJob } from "./plan/claim.ts";
import type { Job } from "./plan/job.ts";
import { ReleaseAddressesJob } from "./plan/release-addresses.ts";
import { ReleaseHandleJob } from "./plan/release-handle.ts";
import { UndoJob } from "./plan/undo.ts";
import { Pump } from "./pump/pump.ts";
import { RowReader } from "./pump/reader.ts";
import { Rows } from "./rows.ts";
import { BlockSearch } from "./search/search.ts";
import { goTimestamp } from "./timestamp.ts";
import type {
  AssignedAddress,
  AssignIpRequest,
  AssignIpsRequest,
  AssignRequest,
  ReleaseRequest,
  ReleaseResult,
} from "./types.ts";

interface CommonOptions {
  readonly store: Datastore;
  readonly clock: Clock;
  readonly random: Random;
  /** Asked for at each batch: give what a watch has, not what must be fetched. */
  readonly settings: () => IpamSettings | Promise<IpamSettings>;
  readonly logger?: Logger;
  /** A hint from a watch of all blocks: true if a block exists. Saves reads when one is to be claimed; decides nothing. */
  readonly isTaken?: (block: Prefix) => boolean;
}

/** Whose blocks are used first. Allocations of a node say so of themselves (`node`). */
export type IpamOptions = CommonOptions & ({ readonly node: string } | { readonly owner: AffinityOwner });

/** The owner of the blocks from which services of type LoadBalancer get their addresses. */
export const LOAD_BALANCER: AffinityOwner = { type: "virtual", name: "load-balancer" };

/** Addresses for one node, or for one other owner of blocks. Methods may be called at any time, any number at once; they share commits. */
export interface Ipam {
  /**
   * Free addresses for a holder; the same again if it has some. Throws IpamError, DatastoreError, IpamCorruptError.
   * Steady state: one round trip to the store.
   */
  autoAssign(request: AssignRequest): Promise<readonly AssignedAddress[]>;
  /** A certain address. Throws IPAM_ADDRESS_TAKEN if another holds it. */
  assignIp(request: AssignIpRequest): Promise<AssignedAddress>;
  /** Certain addresses, all or none, in the order asked for. */
  assignIps(request: AssignIpsRequest): Promise<readonly AssignedAddress[]>;
  /** Gives addresses back. What is free already is no error; what is another's by now is, and then nothing is released. */
  release(request: ReleaseRequest): Promise<ReleaseResult>;
  /** A block of this node's with room, claimed if there is none, so that its route is there before the first pod. */
  ensureBlock(choice: {
    readonly family: Family;
    readonly use?: PoolUse;
    readonly pools?: readonly string[];
  }): Promise<Prefix>;
  /** One certain block. Throws IPAM_BLOCK_TAKEN. */
  claimAffinity(block: Prefix): Promise<Prefix>;
  /** Gives up a node's block (this node's unless told): it is deleted if empty, else left to those who hold addresses of it. */
  releaseAffinity(
    block: Prefix,
    options?: ReleaseAffinityOptions & { readonly node?: string },
  ): Promise<AffinityRelease>;
  /**
   * Gives up this node's empty blocks in pools that do not select it any more. When a pool or the node's labels change;
   * after each request the client does it by itself.
   */
  releaseUnselected(): Promise<readonly Prefix[]>;
  /** Mends what a crash of this node left half done. At start, before the first request; safe at any time. */
  recover(options?: RecoverOptions): Promise<RecoverReport>;
}

export function createIpam(options: IpamOptions): Ipam {
  return new Client(options);
}

class Client implements Ipam {
  readonly #options: IpamOptions;
  readonly #self: AffinityOwner;
  readonly #rows: Rows;
  readonly #pump: Pump;
  readonly #affinities: Affinities;

  constructor(options: IpamOptions) {
    const { store, clock, random, settings, logger = silentLogger, isTaken } = options;
    this.#options = options;
    this.#self = "owner" in options ? options.owner : hostOwner(options.node);
    const rows = new Rows(this.#self);
    const writer = new SureWriter(store, clock, random);
    const committer: Committer = store.abilities.transactions
      ? new TransactionCommitter(rows, writer)
      : new SequenceCommitter(store, rows, writer);
    const firstSequence = () => firstSequenceNumber(clock.now(), random);
    const now = () => clock.now();
    const affinities = new Affinities({ store, rows, writer, committer, logger, now, firstSequence });
    const search = new BlockSearch({ store, rows, random, isTaken });
    this.#rows = rows;
    this.#affinities = affinities;
    this.#pump = new Pump({
      reader: new RowReader(store, rows, affinities),
      rows,
      clock,
      logger,
      writer,
      committer,
      affinities,
      search,
      settings,
      firstSequence,
    });
  }

  autoAssign(request: AssignRequest): Promise<readonly AssignedAddress[]> {
    return this.#checked(request.handleId, () => {
      checkWants(request);
      const owner = this.#owner(request);
      const use = request.use ?? this.#use();
      return this.#assign(request.handleId, (acquired) => new AssignJob({ ...request, use }, owner, acquired));
    });
  }

  async assignIp({ address, ...request }: AssignIpRequest): Promise<AssignedAddress> {
    const [assigned] = await this.assignIps({ ...request, addresses: [address] });
    if (assigned === undefined) throw new Error("one address was asked for, and none was given");
    return assigned;
  }

  assignIps(request: AssignIpsRequest): Promise<readonly AssignedAddress[]> {
    return this.#checked(request.handleId, () => {
      const owner = this.#owner(request);
      return this.#assign(request.handleId, (acquired) => new AssignIpsJob(request, owner, acquired));
    });
  }

  release(request: ReleaseRequest): Promise<ReleaseResult> {
    if ("addresses" in request) return this.#pump.submit(new ReleaseAddressesJob(request.addresses, request.extra));
    return this.#checked(request.handleId, () =>
      this.#pump.submit(new ReleaseHandleJob(request.handleId, request.extra)),
    );
  }

  ensureBlock(choice: {
    readonly family: Family;
    readonly use?: PoolUse;
    readonly pools?: readonly string[];
  }): Promise<Prefix> {
    const { family, use = this.#use(), pools } = choice;
    const poolChoice: PoolChoice = { family, use, requested: pools };
    return this.#pump.submit(new EnsureBlockJob(poolChoice));
  }

  claimAffinity(block: Prefix): Promise<Prefix> {
    return this.#pump.submit(new ClaimBlockJob(block));
  }

  releaseAffinity(
    block: Prefix,
    { node, ...options }: ReleaseAffinityOptions & { readonly node?: string } = {},
  ): Promise<AffinityRelease> {
    const owner = node === undefined ? this.#self : hostOwner(node);
    return this.#pump.exclusive(async () =>
      this.#affinities.release(owner, block, await this.#options.settings(), options),
    );
  }

  releaseUnselected(): Promise<readonly Prefix[]> {
    return this.#pump.exclusive(async () => {
      for (const family of [4, 6] as const) await this.#affinities.load(family);
      return this.#affinities.releaseUnselected(await this.#options.settings());
    });
  }

  recover(options: RecoverOptions = {}): Promise<RecoverReport> {
    const { store, clock, logger = silentLogger } = this.#options;
    const tools = { store, rows: this.#rows, affinities: this.#affinities, logger };
    return this.#pump.exclusive((serve) => recover({ ...tools, now: clock.now(), serve }, options));
  }

  #assign<R>(handleId: string, makeJob: (acquired: Acquisitions) => Job<R>): Promise<R> {
    const acquired = new Acquisitions();
    return this.#pump.submit(makeJob(acquired), { handleId, job: new UndoJob(handleId, acquired) });
  }

  #owner(request: { readonly handleId: string; readonly attributes?: Readonly<Record<string, string>> }): Owner {
    const node = this.#self.type === "host" ? { node: this.#self.name } : {};
    const own = { ...node, timestamp: goTimestamp(this.#options.clock.now()) };
    return { handleId: request.handleId, attributes: { ...own, ...request.attributes } };
  }

  #use(): PoolUse {
    return this.#self.type === "host" ? "Workload" : "LoadBalancer";
  }

  /** A promise that rejects, also where a name cannot be a key. */
  async #checked<R>(handleId: string, run: () => Promise<R>): Promise<R> {
    handleKey(handleId);
    return run();
  }
}

function checkWants({ wants }: AssignRequest): void {
  const families = wants.map(({ family }) => family);
  const isRight = wants.length > 0 && new Set(families).size === families.length;
  const counts = wants.every(({ count = 1 }) => Number.isSafeInteger(count) && count > 0);
  if (isRight && counts) return;
  throw new IpamError({
    code: "IPAM_REQUEST_INVALID",
    what: "an assignment wants addresses of one or two families, each once, and at least one address of each",
  });
}
