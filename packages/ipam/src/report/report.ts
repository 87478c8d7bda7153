/**
 * The report of `ipam check`, as calicoctl writes and reads it. Made at different times, several of them tell what is
 * leaked from what was only being assigned.
 */
export interface CheckReport {
  /** Of the program that wrote it. */
  readonly version: string;
  readonly clusterGUID: string;
  readonly datastoreLocked: boolean;
  /** Locking writes ClusterInformation: a report of this revision is from the same time of being locked. */
  readonly clusterInformationRevision: string;
  readonly clusterType: string;
  /** By address. */
  readonly allocations: Readonly<Record<string, readonly ReportedAllocation[]>>;
  /** Handles that hold nothing; left out if there are none. */
  readonly leakedHandles?: readonly ReportedHandle[];
}

/** In the order of calicoctl's fields. */
export interface ReportedAllocation {
  readonly ip: string;
  readonly handle?: string;
  readonly sequenceNumber?: bigint;
  readonly pod?: string;
  readonly namespace?: string;
  readonly node?: string;
  readonly type?: string;
  /** As Go prints a time: what the allocation's attribute `timestamp` says. */
  readonly creationTimestamp?: string;
  readonly inUse: boolean;
  /** Present if true. */
  readonly borrowed?: boolean;
  /** Null, as Go writes an empty list that was never filled, if nobody uses it. */
  readonly owners: readonly string[] | null;
}

export interface ReportedHandle {
  readonly ID: string;
  /** Of a Kubernetes object; null in etcd. */
  readonly UID: string | null;
  readonly Revision: string;
}

/** What may be released: held, used by nobody, and so in every one of the reports. */
export interface Leaks {
  /** By address. */
  readonly allocations: ReadonlyMap<string, ReportedAllocation>;
  /** By id. */
  readonly handles: ReadonlyMap<string, ReportedHandle>;
}

/** What all reports agree on: an address given anew in between, or a handle written, is none of it. */
export function leaksInAll(reports: readonly CheckReport[]): Leaks {
  const [first, ...others] = reports.map(leaksIn);
  if (first === undefined) return { allocations: new Map(), handles: new Map() };
  const isSame = (a: ReportedAllocation, b: ReportedAllocation | undefined) =>
    b !== undefined && a.handle === b.handle && a.sequenceNumber === b.sequenceNumber;
  return {
    allocations: kept(first.allocations, (ip, leak) =>
      others.every((other) => isSame(leak, other.allocations.get(ip))),
    ),
    handles: kept(first.handles, (id, { Revision }) =>
      others.every((other) => other.handles.get(id)?.Revision === Revision),
    ),
  };
}

function leaksIn({ allocations, leakedHandles = [] }: CheckReport): Leaks {
  const unused = Object.values(allocations)
    .flat()
    .filter(({ inUse }) => !inUse);
  return {
    allocations: new Map(unused.map((allocation) => [allocation.ip, allocation])),
    handles: new Map(leakedHandles.map((handle) => [handle.ID, handle])),
  };
}

function kept<K, V>(map: ReadonlyMap<K, V>, keeps: (key: K, value: V) => boolean): ReadonlyMap<K, V> {
  return new Map([...map].filter(([key, value]) => keeps(key, value)));
}
