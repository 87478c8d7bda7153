import type { KeyValue } from "@ocicat/datastore";
import { type Logger, toError } from "@ocicat/kit";
import type { ApiObject } from "../api/index.ts";
import type { Collection, ObjectRow } from "./collection.ts";

/** A row that an object stands for; `isGone`: it is only marked as deleted. */
export interface Read {
  readonly item: KeyValue;
  readonly isGone: boolean;
}

/** Objects as the store's items, with what is wrong with them said once each. */
export class RowReader {
  readonly #logger: Logger;
  /** By key, what has been said: again when it is something else. */
  readonly #told = new Map<string, string>();

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  read(collection: Collection, object: ApiObject): Read | undefined {
    const row = this.#rowOf(collection, object);
    if (row === undefined) return undefined;
    if (row.problems.length > 0 || this.#told.size > 0) this.#tell(row.key, row.problems);
    return { item: itemOf(row.key, row.value, object), isGone: row.isMarked === true };
  }

  /** What cannot be read at all is no row, and no end of a watch. */
  #rowOf(collection: Collection, object: ApiObject): ObjectRow | undefined {
    try {
      return collection.rowOf(object);
    } catch (error) {
      const { namespace, name } = object.metadata;
      const where = `${collection.resource.plural} ${namespace ?? ""}/${name}`;
      this.#logger.error("an object cannot be read", { object: where, error: toError(error).message });
      return undefined;
    }
  }

  #tell(key: string, problems: readonly string[]): void {
    const text = problems.join("; ");
    if ((this.#told.get(key) ?? "") === text) return;
    if (text === "") this.#told.delete(key);
    else {
      this.#told.set(key, text);
      this.#logger.warning("an object says what cannot be kept to", { key, problems: text });
    }
  }
}

/** Kubernetes does not tell how often an object was written, nor at which version it was made: both are 0n. */
export function itemOf(key: string, value: string, object: ApiObject): KeyValue {
  return { key, value, modRevision: versionOf(object), createRevision: 0n, version: 0n, lease: 0n };
}

/** Versions are etcd's revisions: numbers, of one count in the whole cluster. */
export function versionOf({ metadata: { resourceVersion } }: ApiObject): bigint {
  return BigInt(resourceVersion);
}
