import { ippool } from "@ocicat/api";
import { ResourceClient } from "@ocicat/client";
import { MemoryDatastore } from "@ocicat/datastore";
import { seededRandom, silentLogger, TestClock } from "@ocicat/kit";
import { describe, expect, it } from "vitest";
import { firstPoolsFrom, makeFirstPools } from "../../src/node/first-pools.ts";

const both = new Set([4, 6] as const);
const four = new Set([4] as const);

/** As Calico's manifests have them. */
const MANIFEST = {
  CALICO_IPV4POOL_IPIP: "Always",
  CALICO_IPV4POOL_VXLAN: "Never",
  CALICO_IPV6POOL_VXLAN: "Never",
};

describe("the pools that variables ask for", () => {
  it("are none where no variable says anything of pools", () => {
    expect(firstPoolsFrom({ IP: "autodetect" }, both)).toEqual([]);
  });

  it("are Calico's, for the families that the node has", () => {
    const [pool, ...more] = firstPoolsFrom(MANIFEST, four);
    expect(more).toEqual([]);
    expect(pool).toMatchObject({
      name: "default-ipv4-ippool",
      cidr: "192.168.0.0/16",
      spec: { ipipMode: "Always", vxlanMode: "Never", natOutgoing: true, blockSize: 26, nodeSelector: "all()" },
    });
    expect(firstPoolsFrom(MANIFEST, both).map(({ name }) => name)).toEqual([
      "default-ipv4-ippool",
      "default-ipv6-ippool",
    ]);
  });

  it("take every setting", () => {
    const [pool] = firstPoolsFrom(
      {
        CALICO_IPV4POOL_CIDR: "10.244.0.0/16",
        CALICO_IPV4POOL_IPIP: "off",
        CALICO_IPV4POOL_VXLAN: "cross-subnet",
        CALICO_IPV4POOL_NAT_OUTGOING: "false",
        CALICO_IPV4POOL_BLOCK_SIZE: "24",
        CALICO_IPV4POOL_NODE_SELECTOR: "has(rack)",
        CALICO_IPV4POOL_DISABLE_BGP_EXPORT: "true",
      },
      four,
    );
    expect(pool).toMatchObject({
      cidr: "10.244.0.0/16",
      spec: {
        ipipMode: "Never",
        vxlanMode: "CrossSubnet",
        natOutgoing: false,
        blockSize: 24,
        nodeSelector: "has(rack)",
        disableBGPExport: true,
      },
    });
  });

  it("are made with a range also where the node has no address of the family, and not with none", () => {
    expect(firstPoolsFrom({ CALICO_IPV6POOL_CIDR: "fd00:9::/64" }, four)).toMatchObject([{ cidr: "fd00:9::/64" }]);
    expect(firstPoolsFrom({ ...MANIFEST, CALICO_IPV4POOL_CIDR: "none" }, four)).toEqual([]);
  });

  it("are none with NO_DEFAULT_POOLS, which contradicts a range", () => {
    expect(firstPoolsFrom({ ...MANIFEST, NO_DEFAULT_POOLS: "true" }, four)).toEqual([]);
    const refused = () => firstPoolsFrom({ NO_DEFAULT_POOLS: "true", CALICO_IPV4POOL_CIDR: "10.0.0.0/16" }, four);
    expect(refused).toThrow("CALICO_IPV4POOL_CIDR");
  });

  it.each([
    [{ CALICO_IPV4POOL_IPIP: "sometimes" }, "CALICO_IPV4POOL_IPIP"],
    [{ CALICO_IPV4POOL_CIDR: "10.0.0.1/16" }, "CALICO_IPV4POOL_CIDR"],
    [{ CALICO_IPV4POOL_BLOCK_SIZE: "9" }, "CALICO_IPV4POOL_BLOCK_SIZE"],
    [{ CALICO_IPV4POOL_IPIP: "Always", CALICO_IPV4POOL_VXLAN: "Always" }, "CALICO_IPV4POOL_VXLAN"],
    [{ CALICO_IPV4POOL_NODE_SELECTOR: "rack = 1" }, "CALICO_IPV4POOL_NODE_SELECTOR"],
    [{ CALICO_IPV4POOL_NAT_OUTGOING: "perhaps" }, "CALICO_IPV4POOL_NAT_OUTGOING"],
  ])("are refused by the variable's name: %j", (env, variable) => {
    expect(() => firstPoolsFrom(env, four)).toThrow(variable);
  });
});

describe("making them", () => {
  function cluster() {
    const clock = new TestClock();
    const store = new MemoryDatastore({ clock });
    const agent = (seed: number) => {
      const random = seededRandom(seed);
      const client = new ResourceClient({ store, clock, random });
      return {
        client,
        make: (env: Record<string, string>) => makeFirstPools(client, firstPoolsFrom(env, both), random, silentLogger),
      };
    };
    return { agent };
  }
  const poolsOf = async (client: ResourceClient) =>
    (await client.list(ippool)).items.filter(ippool.is).map(({ metadata, spec }) => `${metadata.name} ${spec.cidr}`);

  it("is done once, however many agents start at once", async () => {
    const { agent } = cluster();
    const agents = [1, 2, 3].map(agent);
    await Promise.all(agents.map(({ make }) => make(MANIFEST)));
    const made = await poolsOf(agent(4).client);
    expect(made).toHaveLength(2);
    expect(made[0]).toBe("default-ipv4-ippool 192.168.0.0/16");
    // A range of one's own, RFC 4193: no two clusters have the same.
    expect(made[1]).toMatch(/^default-ipv6-ippool fd[0-9a-f]{2}:[0-9a-f]{1,4}:[0-9a-f]{1,4}::\/48$/);
  });

  it("leaves a family alone that has a pool, whatever it is called and whatever the variables say", async () => {
    const { agent } = cluster();
    await agent(1).make({ CALICO_IPV4POOL_CIDR: "10.5.0.0/16" });
    await agent(2).make({ CALICO_IPV4POOL_CIDR: "10.6.0.0/16", CALICO_IPV4POOL_VXLAN: "Always" });
    expect(await poolsOf(agent(3).client)).toEqual(["default-ipv4-ippool 10.5.0.0/16"]);
  });
});
