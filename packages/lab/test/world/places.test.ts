import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { portName } from "../../src/world/links.ts";
import { identities } from "../../src/world/namespaces.ts";
import { LabPlaces } from "../../src/world/places.ts";
import { temporaryPlaces } from "../support/temporary.ts";

describe("a lab's places", () => {
  it.each(["", ".", "..", "../x", "a/b", "a.b", "A", "-a", "a-", "1a", "a".repeat(33), "a b", "a\n"])(
    "are not made for the name %j: `down` removes them",
    (name) => {
      expect(() => new LabPlaces(name)).toThrow(/is not a lab's name; use up to 32 lower-case letters/);
    },
  );

  it("lie below the lab's own directories, and no lab's prefix is another's", () => {
    const places = new LabPlaces("a");
    const own = [places.mountns("n"), places.topologyFile, places.processFile, places.podDir, places.readyFile];
    for (const path of own) expect(path.startsWith("/run/ocicat-lab/a/")).toBe(true);
    for (const path of [places.nodeDisk("n"), places.log("p")])
      expect(path.startsWith("/var/tmp/ocicat-lab/a/")).toBe(true);
    expect(new LabPlaces("a-b").netns("n").startsWith(`/run/netns/${places.netnsPrefix}`)).toBe(false);
  });
});

describe("a cable's end at the bridge", () => {
  it("bears its station's name where that fits the kernel's 15 characters", () => {
    expect(portName("node1", "ens33")).toBe("node1.ens33");
  });

  it("is another for stations that begin alike, and for two interfaces of one", () => {
    const names = ["kubernetes-worker-1", "kubernetes-worker-2"].flatMap((station) =>
      ["eth0", "eth1"].map((name) => portName(station, name)),
    );
    expect(new Set(names).size).toBe(4);
    for (const name of names) expect(name.length).toBeLessThanOrEqual(15);
  });
});

describe("a namespace's identity", () => {
  it("is not taken from a file that no namespace is mounted on, nor from one that is not there", () => {
    const { run } = temporaryPlaces();
    mkdirSync(run, { recursive: true });
    writeFileSync(join(run, "half-made"), "");
    expect(identities([join(run, "half-made"), join(run, "missing")])).toEqual([]);
    expect(identities(["/proc/self/ns/net"])).toHaveLength(1);
  });
});
