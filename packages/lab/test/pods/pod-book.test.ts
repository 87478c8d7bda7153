import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { PodBook, type PodRecord } from "../../src/pods/pod-book.ts";
import { temporaryPlaces } from "../support/temporary.ts";

const POD: PodRecord = {
  name: "web",
  namespace: "default",
  node: "node1",
  containerId: "c0ffee",
  netns: "/run/netns/web",
  conflist: "10-ocicat.conflist",
  addresses: ["10.244.0.1"],
  ports: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }],
  bandwidth: { ingress: 1_000_000, egress: undefined },
  labels: { app: "web" },
};

describe("the pod book", () => {
  it("keeps a pod whole, in order of names, until it is forgotten", () => {
    const places = temporaryPlaces();
    expect(new PodBook(places).all()).toEqual([]);
    const plain: PodRecord = { ...POD, name: "api", ports: [], bandwidth: undefined, labels: {} };
    new PodBook(places).set(POD);
    new PodBook(places).set(plain);
    expect(new PodBook(places).all()).toEqual([plain, POD]);
    new PodBook(places).forget("web");
    new PodBook(places).forget("web");
    expect(new PodBook(places).find("web")).toBeUndefined();
  });

  it("does not see a record that was being written when its writer was killed", () => {
    const places = temporaryPlaces();
    new PodBook(places).set(POD);
    writeFileSync(join(places.podDir, "half.json.new"), '{"name":');
    expect(new PodBook(places).all()).toEqual([POD]);
  });

  it.each(["", "[]", "{}", JSON.stringify({ ...POD, ports: ["eighty"] })])("refuses a record with %j in it", (text) => {
    const places = temporaryPlaces();
    mkdirSync(places.podDir, { recursive: true });
    writeFileSync(join(places.podDir, "web.json"), text);
    expect(() => new PodBook(places).all()).toThrow(/web\.json: is not the record of a pod/);
  });
});
