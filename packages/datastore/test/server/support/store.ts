import { join } from "node:path";
import type { Scope } from "@ocicat/kit";
import { openDataFile } from "../../../src/server/storage/file.ts";
import { Store } from "../../../src/server/storage/store.ts";
import type { Writer } from "../../../src/server/storage/writer.ts";
import { temporaryDirectory } from "./processes.ts";

export const bytes = (text: string) => Buffer.from(text);
export const text = (data: Uint8Array) => Buffer.from(data).toString();

/** A store in a file of its own, which goes with the scope. */
export function openStore(scope: Scope): Store {
  const store = new Store(openDataFile(join(temporaryDirectory(scope), "data")));
  scope.add("store", () => store.close());
  return store;
}

/** One request, committed by itself. */
export function write<T>(store: Store, apply: (writer: Writer) => T): T {
  store.begin();
  const result = store.request(apply);
  store.commit();
  return result;
}
