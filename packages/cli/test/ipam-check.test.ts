import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { blockKey, handleKey } from "@ocicat/api/ipam";
import { parsePrefix } from "@ocicat/net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DATASTORES } from "./support/datastores.ts";
import { contents, goldenForEach, withStore } from "./support/golden.ts";
import { type Outcome, terminal } from "./support/terminal.ts";

const HANDLE = "k8s-pod-network.aaaa000000000000000000000000000000000000000000000000000000000001";
const WEB1 = "/calico/resources/v3/projectcalico.org/workloadendpoints/default/node1-k8s-web--1-eth0";
const DB0 = "/calico/resources/v3/projectcalico.org/workloadendpoints/default/node2-k8s-db--0-eth0";

describe.each(Object.entries(DATASTORES))("ipam check, of what a real Calico stored, in %s", (_name, start) => {
  const datastore = goldenForEach(start);
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "oct-check-"));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const check = (...args: readonly string[]): Promise<Outcome> =>
    terminal({ env: { ETCD_ENDPOINTS: datastore.endpoint } })("ipam", "check", ...args);

  it("finds the address that a repeated ADD of Calico's left behind, and needs no KUBECONFIG", async () => {
    const { code, stdout, stderr } = await check("--show-problem-ips");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("Found 3 IPAM blocks.\n IPAM block 10.99.0.0/26 affinity=host:node1:\n");
    expect(stdout).toContain("IPAM blocks record 7 allocations.\n");
    expect(stdout).toContain("Found 2 active IP pools.\n");
    expect(stdout).toContain("Found 6 workload IPs.\nWorkloads and nodes are using 6 IPs.\n");
    expect(stdout).toContain("  node1 has 5 allocations\n  node2 has 2 allocations\nNode with most allocations has 5;");
    const extra = "namespace=default,node=node1,pod=web-1,timestamp=2026-11-21 02:19:56.807542253 +0000 UTC";
    expect(stdout).toContain(`  10.244.166.128 leaked; attrs Main:${HANDLE} Extra:${extra}\n`);
    expect(stdout).toContain("Found 1 IPs that are allocated in IPAM but not actually in use.\n");
    expect(stdout).toContain("Found 0 handles with no matching IPs (and 6 handles with matches).\n");
    expect(stdout).toMatch(/Check complete; found 1 problems\.\n$/);
  });

  it("tells every address with --show-all-ips", async () => {
    const { stdout } = await check("--show-all-ips");
    expect(stdout).toContain("  10.244.104.0 allocated; attrs Main:k8s-pod-network.");
    expect(stdout).toContain("  10.244.104.0 belongs to Workload(default/node2-k8s-db--0-eth0)\n");
  });

  it("writes the report that calicoctl writes, field for field", async () => {
    const before = await contents(datastore.endpoint);
    const file = join(directory, "report.json");
    expect((await check("-o", file)).code).toBe(0);
    const text = readFileSync(file, "utf8");
    const report = JSON.parse(text) as { allocations: Record<string, object[]>; clusterInformationRevision: string };
    expect(Object.keys(report)).toEqual([
      "version",
      "clusterGUID",
      "datastoreLocked",
      "clusterInformationRevision",
      "clusterType",
      "allocations",
    ]);
    expect(report).toMatchObject({
      clusterGUID: "a23672ce163845e988147090e7eacff0",
      datastoreLocked: false,
      clusterType: "k8s,bgp",
    });
    expect(text).toContain(
      [
        '    "10.99.0.1": [',
        "      {",
        '        "ip": "10.99.0.1",',
        '        "handle": "k8s-pod-network.aaaa000000000000000000000000000000000000000000000000000000000006",',
        '        "sequenceNumber": 1795227597693838628,',
        '        "pod": "tiny-2",',
        '        "namespace": "default",',
        '        "node": "node2",',
        '        "creationTimestamp": "2026-11-21 02:19:57.796367315 +0000 UTC",',
        '        "inUse": true,',
        '        "borrowed": true,',
        '        "owners": [',
        '          "Workload(default/node2-k8s-tiny--2-eth0)"',
        "        ]",
        "      }",
        "    ]",
      ].join("\n"),
    );
    expect(text).toContain('"inUse": false,\n        "owners": null\n');
    expect(text.endsWith("\n}")).toBe(true);
    expect(await contents(datastore.endpoint)).toEqual(before);
  });

  it("tells addresses used without an allocation, outside pools and twice, and handles without rows or addresses", async () => {
    await withStore(datastore.endpoint, async (store) => {
      const web1 = (await store.get(WEB1))?.value ?? "";
      await store.put(WEB1, web1.replace("10.244.166.131/32", "10.244.166.140/32"));
      const db0 = (await store.get(DB0))?.value ?? "";
      await store.put(DB0, db0.replace("10.244.104.0/32", '10.99.0.1/32","172.16.0.1/32'));
      await store.put(handleKey("net.gone"), '{"block":{},"deleted":false}');
      await store.delete(handleKey(HANDLE));
    });
    const { code, stdout } = await check("--show-all-ips");
    expect(code).toBe(0);
    expect(stdout).toContain(
      "  10.244.166.140 in use by Workload(default/node1-k8s-web--1-eth0) and in active IPAM pool but has no IPAM allocation.\n",
    );
    expect(stdout).toContain(
      "  172.16.0.1 in use by Workload(default/node2-k8s-db--0-eth0) is not in any active IP pool.\n",
    );
    expect(stdout).toContain(
      "  10.99.0.1 has multiple owners: Workload(default/node2-k8s-db--0-eth0), Workload(default/node2-k8s-tiny--2-eth0).\n",
    );
    expect(stdout).toContain("  net.gone doesn't have any active IPs.\n");
    expect(stdout).toContain(`  ${HANDLE} is in use in a block but doesn't exist.\n`);
    // Leaked .128, .131 and .104.0.
    expect(stdout).toMatch(/found 8 problems\.\n$/);
  });

  it("leaves out a block that cannot be read, says so, and exits with 1", async () => {
    const key = blockKey(parsePrefix("10.99.0.0/26"));
    await withStore(datastore.endpoint, (store) => store.put(key, "{}"));
    const { code, stderr } = await check();
    expect(code).toBe(1);
    expect(stderr).toContain(`${key} is left out`);
  });

  it("says so where the report cannot be written", async () => {
    const { code, stderr } = await check("-o", join(directory, "nowhere", "report.json"));
    expect(code).toBe(1);
    expect(stderr).toMatch(/the report cannot be written/);
    expect(existsSync(join(directory, "nowhere"))).toBe(false);
  });
});
