import type { Datastore } from "@ocicat/datastore";
import { auditIpam } from "@ocicat/ipam";

/** What contradicts itself in IPAM, in words. */
export async function ipamProblems(store: Datastore): Promise<readonly string[]> {
  return (await auditIpam(store)).map(({ rule, key, what }) => `${rule} ${key}: ${what}`);
}

/**
 * Every allocated address with its handle, read from the blocks' JSON and by no code of ours. One of IPv6 is named by its
 * block and its number therein.
 */
export async function allocations(store: Datastore): Promise<ReadonlyMap<string, string>> {
  const { items } = await store.list("/calico/ipam/v2/assignment/");
  return new Map(
    items.flatMap(({ value }) => {
      const block = JSON.parse(value) as StoredBlock;
      return block.allocations.flatMap((attribute, ordinal) =>
        attribute === null
          ? []
          : [[nameOf(block.cidr, ordinal), block.attributes[attribute]?.handle_id ?? "no handle"] as const],
      );
    }),
  );
}

function nameOf(cidr: string, ordinal: number): string {
  if (cidr.includes(":")) return `${cidr} #${ordinal}`;
  const [a = 0, b = 0, c = 0, d = 0] = (cidr.split("/")[0] ?? "").split(".").map(Number);
  return `${a}.${b}.${c}.${d + ordinal}`;
}

interface StoredBlock {
  readonly cidr: string;
  readonly allocations: readonly (number | null)[];
  readonly attributes: readonly { readonly handle_id: string | null }[];
}

/** Everything stored, by key. */
export async function allKeys(store: Datastore): Promise<ReadonlyMap<string, string>> {
  return new Map((await store.list("/")).items.map((item) => [item.key, item.value]));
}
