import { readFileSync } from "node:fs";
import { MemoryDatastore } from "@ocicat/datastore";

/** The IPAM rows of a real Calico cluster, in a store. */
export async function goldenStore(): Promise<MemoryDatastore> {
  const store = new MemoryDatastore();
  const text = readFileSync(new URL("../fixtures/calico-v3.32.1.jsonl", import.meta.url), "utf8");
  for (const line of text.trim().split("\n")) {
    const { key, value } = JSON.parse(line) as { readonly key: string; readonly value: string };
    await store.put(key, value);
  }
  return store;
}
