import { DEFAULT_IPAM_CONFIG } from "@ocicat/api";
import { parseAddOptions, parseNetwork } from "@ocicat/cni";
import { MemoryDatastore } from "@ocicat/datastore";
import type { IpamPool } from "@ocicat/ipam";
import { parsePrefix } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import { statusFor } from "../../src/cni/status.ts";

const POOL: IpamPool = {
  name: "default",
  prefix: parsePrefix("10.0.0.0/16"),
  blockSize: 26,
  disabled: false,
  assignmentMode: "Automatic",
  allowedUses: ["Workload"],
  selectsNode: true,
};

function status(pool: Partial<IpamPool>, ipam: object = {}, guardFailure?: string, store = new MemoryDatastore()) {
  const settings = { pools: [{ ...POOL, ...pool }], reservations: [], config: DEFAULT_IPAM_CONFIG };
  const network = parseNetwork(JSON.stringify({ cniVersion: "1.1.0", name: "n", type: "ocicat", ipam }));
  return statusFor(
    { store, settings: () => settings, guardFailure: () => guardFailure },
    { network: "n", options: parseAddOptions(network) },
  );
}

describe("STATUS", () => {
  it("is ready where an ADD would get its addresses", async () => {
    expect(await status({})).toEqual({ ready: true });
    expect(await status({ assignmentMode: "Manual" }, { ipv4_pools: ["default"] })).toEqual({ ready: true });
  });

  it.each([
    ["disabled", { disabled: true }],
    ["does not select this node", { selectsNode: false }],
    ["requests that name it", { assignmentMode: "Manual" as const }],
    ["allows only Tunnel", { allowedUses: ["Tunnel" as const] }],
  ])("is not ready where the pool %s", async (why, pool) => {
    expect(await status(pool)).toMatchObject({
      ready: false,
      limited: false,
      why: expect.stringContaining(why) as string,
    });
  });

  it("says that pods may be cut off while the kernel refuses the guard", async () => {
    expect(await status({}, {}, "EPERM")).toMatchObject({ ready: false, limited: true });
  });

  it("is not ready while the datastore does not answer", async () => {
    const store = new MemoryDatastore();
    await store.close();
    expect(await status({}, {}, undefined, store)).toMatchObject({ ready: false, limited: false });
  });
});
