import { MetricsRegistry } from "@ocicat/kit";
import { expect, it } from "vitest";
import { apiMetrics } from "../../src/serve/api-metrics.ts";

it.each([
  ["/api/v1/namespaces/default/pods/web-1/status", "pods"],
  ["/api/v1/pods?watch=true&resourceVersion=5", "pods"],
  ["/api/v1/namespaces/default", "namespaces"],
  ["/api/v1/namespaces?limit=1", "namespaces"],
  ["/apis/crd.projectcalico.org/v1/ipamblocks/10-0-0-0-26", "ipamblocks"],
  ["/prefix/apis/discovery.k8s.io/v1/endpointslices", "endpointslices"],
  ["/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies", "clusternetworkpolicies"],
])("a request to %s counts as one about %s", (path, resource) => {
  const metrics = new MetricsRegistry();
  apiMetrics(metrics)({ verb: "get", path, status: 200, sentBytes: 1, receivedBytes: 2 });
  expect(metrics.expose()).toContain(
    `ocicat_kubernetes_received_bytes_total{verb="get",resource="${resource}",code="200"} 2`,
  );
});
