import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Datastore } from "@ocicat/datastore";
import { openEtcd } from "@ocicat/datastore/etcd";
import type { IpamPool } from "@ocicat/ipam";
import { parsePrefix } from "@ocicat/net";
import { afterAll, afterEach, beforeAll, beforeEach } from "vitest";
import type { TestDatastore } from "./datastores.ts";

const golden = new URL("../golden/", import.meta.url);

/** What calicoctl was asked, and what it printed. */
export interface Row {
  readonly name: string;
  readonly args: readonly string[];
  readonly expected: string;
}

export function goldenRows(): readonly Row[] {
  const lines = text("calicoctl/list").trim().split("\n");
  return lines.map((line) => {
    const [name = "", args = ""] = line.split("|");
    return { name, args: args.split(" "), expected: text(`calicoctl/${name}.out`) };
  });
}

/** The path of an input file. */
export function goldenInput(file: string): string {
  return fileURLToPath(new URL(`in/${file}.txt`, golden));
}

/** Puts what a real Calico stored into the datastore at the endpoint. */
export async function loadDump(endpoint: string): Promise<void> {
  await withStore(endpoint, async (store) => {
    for (const line of text("etcd-dump.jsonl").trim().split("\n")) {
      const { key, value } = JSON.parse(line) as { key: string; value: string };
      await store.put(key, value);
    }
  });
}

/** A datastore with that in it, anew for each of the tests around. */
export function goldenForEach(start: () => Promise<TestDatastore>): Pick<TestDatastore, "endpoint"> {
  return filled(start, beforeEach, afterEach);
}

/** The same, one for all of the tests around. */
export function goldenForAll(start: () => Promise<TestDatastore>): Pick<TestDatastore, "endpoint"> {
  return filled(start, beforeAll, afterAll);
}

type Hook = (work: () => Promise<void>) => void;

function filled(start: () => Promise<TestDatastore>, before: Hook, after: Hook): Pick<TestDatastore, "endpoint"> {
  let datastore: TestDatastore | undefined;
  before(async () => {
    datastore = await start();
    await loadDump(datastore.endpoint);
  });
  after(async () => datastore?.stop());
  return {
    get endpoint() {
      if (datastore === undefined) throw new Error("no test runs yet");
      return datastore.endpoint;
    },
  };
}

/** Its pool of workloads, as IPAM has it. */
export const GOLDEN_POOL: IpamPool = {
  name: "default-ipv4-ippool",
  prefix: parsePrefix("10.244.0.0/16"),
  blockSize: 26,
  disabled: false,
  assignmentMode: "Automatic",
  allowedUses: ["Workload"],
  selectsNode: true,
};

/** Everything that a datastore holds, to see that nothing changed. */
export async function contents(endpoint: string): Promise<ReadonlyMap<string, string>> {
  return await withStore(endpoint, async (store) => {
    const { items } = await store.list("/");
    return new Map(items.map(({ key, value, modRevision }) => [key, `${modRevision} ${value}`]));
  });
}

export async function withStore<T>(endpoint: string, work: (store: Datastore) => Promise<T>): Promise<T> {
  const store = openEtcd({ endpoints: [endpoint] });
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

/** A resourceVersion is the store's: a dump does not keep it. */
export function withoutRevisions(output: string): string {
  return output.replaceAll(/(resourceVersion"?: )"\d+"/g, '$1"N"');
}

function text(path: string): string {
  return readFileSync(new URL(path, golden), "utf8");
}
