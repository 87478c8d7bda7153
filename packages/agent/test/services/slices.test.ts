import { silentLogger } from "@ocicat/kit";
import { readSlice, type SliceFacts } from "@ocicat/kubernetes/derive";
import { formatAddress } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { policyService, reachOf, ServiceSlices } from "../../src/services/slices.ts";
import { Table } from "../../src/tables/table.ts";

let revision = 0n;

function item(key: string, service: string, endpoints: readonly object[], ports: readonly object[] = [{ port: 80 }]) {
  const metadata = { namespace: "shop", name: key, labels: { "kubernetes.io/service-name": service } };
  revision += 1n;
  const value = JSON.stringify({ metadata, endpoints, ports });
  return { key, value, modRevision: revision, createRevision: 1n, version: 1n, lease: 0n };
}

const at = (address: string, nodeName = "node1", ready = true) => ({
  addresses: [address],
  nodeName,
  conditions: { ready },
});

function followed() {
  const table = new Table<SliceFacts>("slices", ({ value }) => readSlice(JSON.parse(value)), silentLogger);
  const told: string[] = [];
  const slices = new ServiceSlices(table, (service) => told.push(service));
  const addresses = (service: string) =>
    policyService(service, slices.of(service))?.endpoints.map(({ address }) => formatAddress(address));
  return { table, slices, told, addresses };
}

describe("the endpoints of services", () => {
  it("are those of all slices that name the service", () => {
    const { table, told, addresses } = followed();
    table.put(item("a", "web", [at("10.0.0.1")]));
    table.put(item("b", "web", [at("10.0.0.2")]));
    table.put(item("c", "db", [at("10.0.0.3")]));
    expect(told).toEqual(["shop/web", "shop/web", "shop/db"]);
    expect(addresses("shop/web")).toEqual(["10.0.0.1", "10.0.0.2"]);
    table.remove("a", revision + 1n);
    expect(addresses("shop/web")).toEqual(["10.0.0.2"]);
    table.remove("b", revision + 1n);
    expect(addresses("shop/web")).toBeUndefined();
  });

  it("leave the one and come to the other when a slice changes hands", () => {
    const { table, told, addresses } = followed();
    table.put(item("a", "web", [at("10.0.0.1")]));
    table.put(item("a", "db", [at("10.0.0.1")]));
    expect(told.slice(1)).toEqual(["shop/web", "shop/db"]);
    expect(addresses("shop/web")).toBeUndefined();
    expect(addresses("shop/db")).toEqual(["10.0.0.1"]);
  });

  it("are each at each port, and at none where the service has no ports", () => {
    const { table, slices } = followed();
    table.put(
      item("a", "web", [at("10.0.0.1"), at("10.0.0.2", "node2", false)], [{ port: 80 }, { port: 53, protocol: "UDP" }]),
    );
    const endpoints = policyService("shop/web", slices.of("shop/web"))?.endpoints;
    expect(
      endpoints?.map(({ address, at: place }) => `${formatAddress(address)} ${place?.protocol}/${place?.port}`),
    ).toEqual(["10.0.0.1 6/80", "10.0.0.1 17/53", "10.0.0.2 6/80", "10.0.0.2 17/53"]);
    table.put(item("b", "headless", [at("10.0.0.3")], []));
    expect(policyService("shop/headless", slices.of("shop/headless"))?.endpoints).toMatchObject([{ at: undefined }]);
  });

  it("are reached where they are ready, family by family", () => {
    const slices = [
      readSlice({ endpoints: [at("10.0.0.1", "node1", false), at("10.0.0.2", "node2")] }),
      readSlice({ endpoints: [at("fd00::1", "node1")] }),
    ];
    const families = (self: string) => {
      const reach = reachOf(slices, self);
      return reach && [[...reach.anywhere], [...reach.here]];
    };
    expect(families("node1")).toEqual([[4, 6], [6]]);
    expect(families("node2")).toEqual([[4, 6], [4]]);
    expect(families("node3")).toEqual([[4, 6], []]);
    expect(reachOf([], "node1")).toBeUndefined();
  });
});
