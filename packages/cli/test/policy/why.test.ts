import { describe, expect, it } from "vitest";
import { withStore } from "../support/golden.ts";
import { clusterForAll } from "../support/policy-cluster.ts";

const STAGED = `apiVersion: projectcalico.org/v3
kind: StagedGlobalNetworkPolicy
metadata: { name: no-web }
spec: { selector: app == 'web', order: 1, ingress: [{ action: Deny, protocol: TCP }] }`;

const cluster = clusterForAll(STAGED);
const why = (line: string, stdin = "") => cluster.run(`policy why ${line}`, { stdin });

describe("policy why", () => {
  it("tells every step of both sides, and what decided", async () => {
    const { code, stdout, stderr } = await why("web-1 db-0 --port 5432");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(
      stdout,
    ).toBe(`default/web-1 (10.244.166.129 on node1) → default/db-0 (10.244.104.2 on node2), TCP 5432: allowed

egress of default/web-1: allowed
  tier security: GlobalNetworkPolicy block-bad: no rule matches
  tier security: passed on at its end
  profile k8s-pod-network: spec.egress[0]: Allow everything

ingress of default/db-0: allowed
  tier default: NetworkPolicy default/db: spec.ingress[0]: Allow TCP from (projectcalico.org/namespace == "default" && app == "web") to port 5432
`);
  });

  it("exits with 1 where the packet is denied, and says what ended it", async () => {
    const { code, stdout } = await why("prod/web-1 db-0 --port 5432");
    expect(code).toBe(1);
    expect(stdout).toMatch(/^prod\/web-1 \(.*TCP 5432: denied\n/);
    expect(stdout).toMatch(/tier default: denied at its end, for policies of it apply and no rule decides\n$/);
  });

  it("tells the rest of what ends a packet's way", async () => {
    expect((await why("web-2 203.0.113.9")).stdout).toContain('spec.egress[0]: Deny to role == "bad"');
    expect((await why("node2 web-2 --port 80")).stdout).toContain("allowed: a node always reaches its own workloads");
    expect((await why("web-2 node2 --port 53 --proto udp")).stdout).toContain(
      "workload to its own node, by defaultEndpointToHostAction: denied",
    );
    expect((await why("8.8.8.8 192.168.0.82")).stdout).toContain("Nothing judges it");
  });

  it("tells what a staged policy would do, which decides nothing", async () => {
    const { code, stdout } = await why("db-0 web-2 --port 80");
    expect(code).toBe(0);
    expect(stdout).toMatch(/StagedGlobalNetworkPolicy no-web: staged, would deny: spec\.ingress\[0\]: Deny TCP\n/);
  });

  it("answers as if a file were applied, with the line of the rule, and stores nothing", async () => {
    const file = `apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: { name: db, namespace: default }
spec:
  selector: app == 'db'
  ingress:
    - action: Log
    - action: Deny
      protocol: TCP
`;
    const { code, stdout } = await why("web-1 db-0 --port 5432 -f -", file);
    expect(code).toBe(1);
    expect(stdout).toContain("NetworkPolicy default/db: spec.ingress[1] (standard input line 8): Deny TCP\n");
    expect((await why("web-1 db-0 --port 5432")).code).toBe(0);
  });

  it("finds ends by pod, endpoint, address and node, and takes no namespace for the default one", async () => {
    const names = async (line: string) => (await why(line)).stdout.split(",")[0];
    const expected = "default/web-1 (10.244.166.129 on node1) → default/db-0 (10.244.104.2 on node2)";
    expect(await names("web-1 db-0 --port 1")).toBe(expected);
    expect(await names("10.244.166.129 default/node2-k8s-db--0-eth0 --port 1")).toBe(expected);
    expect(await names("node1-k8s-web--1-eth0 10.244.104.2 --port 1")).toBe(expected);
    expect(await names("192.168.0.81 db-0 --port 1")).toBe(
      "node1 (192.168.0.81) → default/db-0 (10.244.104.2 on node2)",
    );
  });

  it("is for programs as JSON and YAML", async () => {
    const { stdout } = await why("prod/web-1 db-0 --port 5432 -o json");
    expect(JSON.parse(stdout)).toMatchObject({
      from: { name: "prod/web-1", address: "10.244.166.130", node: "node1", endpoint: "prod/node1-k8s-web--1-eth0" },
      packet: { protocol: "TCP", destinationPort: 5432 },
      allowed: false,
      egress: { allowed: true },
      ingress: {
        allowed: false,
        steps: [
          { kind: "policy", tier: "default", policy: "NetworkPolicy default/db", rule: null, outcome: "next" },
          { kind: "tier", tier: "default", outcome: "deny" },
        ],
      },
    });
    expect((await why("prod/web-1 db-0 --port 5432 -o yaml")).stdout).toMatch(/^allowed: false\negress:\n/);
  });

  it.each([
    [
      "nosuch db-0",
      /there is no pod, workload endpoint, node or host endpoint "nosuch"; use default\/web-1, .* or an address/,
    ],
    ["web-1 db-0 --port 70000", /--port: "70000" is not a number from 1 to 65535/],
    ["web-1 db-0 --proto tcp", /--proto: tcp needs a port; give --port as well/],
    ["web-1 db-0 --proto icmp --port 1", /--port: icmp has no ports/],
    ["web-1 db-0 --proto wibble", /"wibble" is not a protocol; use icmp, ipip, tcp/],
    ["web-1 db-0 -6", /have no address of one family/],
    ["web-1 db-0 -o wide", /"wide" is not an output format; use one of ps, json, yaml/],
  ])("exits with 2 where it cannot answer: %s", async (line, message) => {
    const { code, stdout, stderr } = await why(line);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(message);
  });

  it("takes a policy that cannot be read for one that closes, as agents do, and says so", async () => {
    const key = "/calico/resources/v3/projectcalico.org/networkpolicies/prod/broken";
    await withStore(cluster.endpoint, (store) =>
      store.put(key, '{"kind":"NetworkPolicy","spec":{"selector":"app =="}}'),
    );
    const { code, stdout, stderr } = await why("db-0 prod/web-1 --port 80");
    await withStore(cluster.endpoint, (store) => store.delete(key));
    expect(code).toBe(1);
    expect(stdout).toContain("NetworkPolicy prod/broken");
    expect(stderr).toContain("broken");
  });
});
