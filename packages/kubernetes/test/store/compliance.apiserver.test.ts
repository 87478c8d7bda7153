import { datastoreComplianceTests } from "@ocicat/datastore/compliance";
import type { PrivateControlPlane } from "@ocicat/lab/kubernetes";
import { afterAll, beforeAll } from "vitest";
import { openStore, startCluster } from "../support/cluster.ts";
import { TextStore } from "../support/text-store.ts";

let cluster: PrivateControlPlane;

beforeAll(async () => {
  cluster = await startCluster({}, ["crd.projectcalico.org/v1"]);
}, 60_000);
afterAll(() => cluster?.stop());

datastoreComplianceTests("kubernetes", async () => {
  const store = new TextStore(openStore(cluster));
  return { store, close: () => store.close() };
});
