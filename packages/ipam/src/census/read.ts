import {
  type AnyResource,
  clusterInformation,
  decodeStored,
  ippool,
  ipReservation,
  type Kind,
  node,
  workloadEndpoint,
} from "@ocicat/api";
import {
  type AllocationBlock,
  DEFAULT_IPAM_CONFIG,
  decodeBlock,
  decodeHandle,
  decodeIpamConfig,
  IPAM_PREFIX,
  type IpamConfig,
  type IpamHandle,
  parseIpamKey,
} from "@ocicat/api/ipam";
import { type Datastore, DatastoreError, type KeyValue, type Revision } from "@ocicat/datastore";
import { isOcicatError } from "@ocicat/kit";
import { compareAddresses, parsePrefix } from "@ocicat/net";
import type { Census, UnreadableRow } from "./census.ts";
import { addressUses, type Stored } from "./uses.ts";

/** Each page costs a store a look at all that is left. */
const PAGE = 2000;

const ATTEMPTS = 3;

/** Reads all of it at one revision. Rows that cannot be read are left out, and named. Throws DatastoreError. */
export async function readCensus(store: Datastore): Promise<Census> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await readOnce(store);
    } catch (error) {
      // The store forgot the revision meanwhile: there is a newer one.
      if (attempt === ATTEMPTS || !(error instanceof DatastoreError) || error.code !== "COMPACTED") throw error;
    }
  }
}

async function readOnce(store: Datastore): Promise<Census> {
  const { rows, revision } = await readRows(store, IPAM_PREFIX);
  const unreadable: UnreadableRow[] = [];
  const resources = async <R extends AnyResource>(kind: Kind<R>) => {
    const stored = (await readRows(store, kind.storage.prefix(), revision)).rows;
    return stored.flatMap((row) => (kind.storage.parse(row.key) === undefined ? [] : decodeResource(kind, row)));
  };
  const decodeResource = <R extends AnyResource>(kind: Kind<R>, row: KeyValue) =>
    decoded(row, unreadable, () => decodeStored(kind, row));
  const pools = await resources(ippool);
  const reservations = await resources(ipReservation);
  const nodes = await resources(node);
  const endpoints = await resources(workloadEndpoint);
  const clusters = await resources(clusterInformation);
  return {
    revision,
    rows,
    ...readIpam(rows, unreadable),
    pools: pools.map(({ value }) => value),
    reservations: reservations.flatMap(({ value: { metadata, spec } }) =>
      (spec.reservedCIDRs ?? []).map((text) => ({ name: metadata.name, network: parseNetwork(text) })),
    ),
    nodes,
    endpoints,
    uses: addressUses(endpoints, nodes),
    cluster: clusters.find(({ value }) => value.metadata.name === "default")?.value,
    unreadable,
  };
}

function readIpam(rows: readonly KeyValue[], unreadable: UnreadableRow[]) {
  const blocks: Stored<AllocationBlock>[] = [];
  const handles = new Map<string, Stored<IpamHandle>>();
  let config: IpamConfig = DEFAULT_IPAM_CONFIG;
  for (const row of rows) {
    const parsed = parseIpamKey(row.key);
    if (parsed?.kind === "block") blocks.push(...decoded(row, unreadable, () => decodeBlock(row.key, row.value)));
    if (parsed?.kind === "handle") {
      for (const handle of decoded(row, unreadable, () => decodeHandle(row.key, row.value)))
        handles.set(parsed.id, handle);
    }
    if (parsed?.kind === "config") {
      for (const { value } of decoded(row, unreadable, () => decodeIpamConfig(row.key, row.value))) config = value;
    }
  }
  blocks.sort(
    ({ value: { prefix: a } }, { value: { prefix: b } }) =>
      a.family - b.family || compareAddresses(a.address, b.address),
  );
  return { blocks, handles, config };
}

/** The value, or nothing and a note of why. */
function decoded<T>(
  { key, modRevision }: KeyValue,
  unreadable: UnreadableRow[],
  decode: () => T,
): readonly Stored<T>[] {
  try {
    return [{ key, revision: modRevision, value: decode() }];
  } catch (error) {
    if (!isOcicatError(error)) throw error;
    unreadable.push({ key, reason: error.message });
    return [];
  }
}

async function readRows(store: Datastore, prefix: string, at?: Revision) {
  const rows: KeyValue[] = [];
  let revision = at;
  for (let after: string | undefined; ; ) {
    const page = await store.list(prefix, {
      limit: PAGE,
      ...(revision === undefined ? {} : { revision }),
      ...(after === undefined ? {} : { after }),
    });
    revision ??= page.revision;
    rows.push(...page.items);
    after = page.items.at(-1)?.key;
    if (!page.more || after === undefined) return { rows, revision };
  }
}

/** An IPReservation may name a single address without a length. */
function parseNetwork(text: string) {
  return parsePrefix(text.includes("/") ? text : `${text}/${text.includes(":") ? 128 : 32}`);
}
