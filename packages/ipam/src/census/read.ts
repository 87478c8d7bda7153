import {
  type AnyResource,
  clusterInformation,
  decodeStored,
  ippool,
  ipReservation,
  type Kind,
  node,
  reservedNetworks,
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
import { type Datastore, DatastoreError, type KeyValue } from "@ocicat/datastore";
import { isOcicatError } from "@ocicat/kit";
import { compareAddresses } from "@ocicat/net";
import type { Census, UnreadableRow } from "./census.ts";
import { addressUses, type Stored } from "./uses.ts";

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
  const { items: rows, revision } = await store.list(IPAM_PREFIX);
  const unreadable: UnreadableRow[] = [];
  const resources = async <R extends AnyResource>(kind: Kind<R>) => {
    const { items } = await store.list(kind.storage.prefix(), { revision });
    return items.flatMap((row) => (kind.storage.parse(row.key) === undefined ? [] : decodeResource(kind, row)));
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
    reservations: reservations.flatMap(({ value }) =>
      reservedNetworks(value).map((network) => ({ name: value.metadata.name, network })),
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
