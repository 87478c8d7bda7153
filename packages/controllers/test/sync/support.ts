import { type AnyResource, encodeStored } from "@ocicat/api";
import { MemoryDatastore } from "@ocicat/datastore";
import { createLogger, type LogRecord, Scope, seededRandom, TestClock } from "@ocicat/kit";
import { NO_FENCE } from "../../src/collect/index.ts";
import { Mirror } from "../../src/mirror.ts";
import { Settings } from "../../src/settings.ts";
import { type Controller, controllersFor, Syncer } from "../../src/sync/index.ts";

const NAMES = ["node", "namespace", "serviceaccount", "policy", "workloadendpoint"];

/** A datastore, Kubernetes' rows beside it, and what keeps the one in step with the other; time stands still. */
export class Pair {
  readonly clock = new TestClock();
  readonly kubernetes = new MemoryDatastore();
  readonly store: MemoryDatastore;
  readonly scope = new Scope("test");
  readonly syncer: Syncer;
  readonly log: LogRecord[] = [];
  isLeading = true;

  constructor({ transactions = true, names = NAMES, more = [] as readonly Controller[], overrides = {} } = {}) {
    this.store = new MemoryDatastore({ transactions });
    const logger = createLogger("test", "info", (record) => void this.log.push(record));
    const parts = { clock: this.clock, random: seededRandom(7), logger, scope: this.scope };
    const settings = new Settings(overrides);
    const term = { fence: NO_FENCE, since: 0 };
    this.syncer = new Syncer({
      ...parts,
      store: this.store,
      controllers: [...controllersFor(new Set(names), true), ...more],
      settings: () => settings.controllers,
      periodMs: () => settings.reconcilerMs,
      term: () => (this.isLeading ? term : undefined),
      depose: () => {},
      idleReason: () => mirrors.map(({ problem }) => problem).find((problem) => problem !== undefined),
      onWrite: () => {},
    });
    const root = "/calico/";
    const store = this.syncer.sink("store");
    const configuration = "/calico/resources/v3/projectcalico.org/kubecontrollersconfigurations/";
    const mirrors = [
      new Mirror({
        ...parts,
        root,
        store: this.store,
        prefixes: [configuration, ...new Set(this.syncer.reads("store"))],
        sink: {
          replace: (items) => {
            const all = [...items];
            for (const item of all) settings.put(item);
            store.replace(all);
          },
          apply: (events) => {
            for (const event of events) if (event.type === "put") settings.put(event.item);
            store.apply(events);
            this.syncer.askAll();
          },
        },
      }),
      new Mirror({
        ...parts,
        root,
        store: this.kubernetes,
        prefixes: [...new Set(this.syncer.reads("kubernetes"))],
        sink: this.syncer.sink("kubernetes"),
      }),
    ];
    for (const part of [...mirrors, this.syncer]) part.start();
  }

  async rest(): Promise<void> {
    for (let turn = 0; turn < 50; turn++) await new Promise((resolve) => setImmediate(resolve));
  }

  /** Names below a kind's prefix. */
  async names(plural: string): Promise<readonly string[]> {
    const prefix = `/calico/resources/v3/projectcalico.org/${plural}/`;
    return (await this.store.list(prefix)).items.map(({ key }) => key.slice(prefix.length));
  }

  close(): Promise<void> {
    return this.scope.close();
  }
}

/** Stores a resource of a document; the key follows from it. */
export async function put(store: MemoryDatastore, key: string, resource: AnyResource | object): Promise<void> {
  const full = `/calico/resources/v3/projectcalico.org/${key}`;
  await store.put(full, "kind" in resource && isResource(resource) ? encodeStored(resource) : JSON.stringify(resource));
}

function isResource(resource: object): resource is AnyResource {
  return "apiVersion" in resource && resource.apiVersion === "projectcalico.org/v3" && "spec" in resource;
}
