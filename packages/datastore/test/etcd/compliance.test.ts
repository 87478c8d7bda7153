import { afterAll, beforeAll } from "vitest";
import { datastoreComplianceTests } from "../../src/compliance/index.ts";
import { openEtcd } from "../../src/etcd/index.ts";
import { type EtcdServer, startEtcd } from "../support/etcd.ts";

let etcd: EtcdServer;

beforeAll(async () => {
  etcd = await startEtcd();
});
afterAll(() => etcd?.stop());

datastoreComplianceTests("etcd", async () => {
  const store = openEtcd({ endpoints: [etcd.endpoint] });
  return { store, compact: (revision) => store.compact(revision), close: () => store.close() };
});
