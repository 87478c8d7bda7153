import { describe, expect, it } from "vitest";
import { contents } from "../support/golden.ts";
import { clusterForAll } from "../support/policy-cluster.ts";

const head = (kind: string, name: string) => `apiVersion: projectcalico.org/v3
kind: ${kind}
metadata: { name: ${name}, namespace: default }
`;
const cluster = clusterForAll(
  `${head("StagedNetworkPolicy", "web")}spec: { selector: app == 'web', ingress: [{ action: Deny, protocol: UDP }, { action: Allow }] }`,
  `${head("StagedNetworkPolicy", "db")}spec: { stagedAction: Delete }`,
);
const diff = (stdin: string, more = "") => cluster.run(`policy diff -f -${more}`, { stdin });
const OPEN = `${head("NetworkPolicy", "db")}spec:
  selector: app == 'db'
  ingress:
    - { action: Allow, protocol: TCP, source: { namespaceSelector: all(), selector: app == 'web' }, destination: { ports: [5432, 9100] } }
    - { action: Allow, protocol: TCP, source: { nets: [192.0.2.0/24] } }
`;

describe("policy diff", () => {
  it("tells who could now reach whom, by what, and writes nothing", async () => {
    const before = await contents(cluster.endpoint);
    const { code, stdout, stderr } = await diff(OPEN);
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(stdout).toBe(`NetworkPolicy default/db: changed, applies to 1 endpoint

Newly allowed:
  default/web-1, default/web-2 → default/db-0: TCP 9100
      before: denied by end of the tier default; after: allowed by Profile k8s-pod-network spec.egress[0] and NetworkPolicy default/db spec.ingress[0]
  prod/web-1 → default/db-0: TCP 5432, 9100
      before: denied by end of the tier default; after: allowed by Profile k8s-pod-network spec.egress[0] and NetworkPolicy default/db spec.ingress[0]
  192.0.2.0/24 → default/db-0: TCP
      before: denied by end of the tier default; after: allowed by NetworkPolicy default/db spec.ingress[1]

4 pairs of 14 that were looked at change.
`);
    expect(await contents(cluster.endpoint)).toEqual(before);
  });

  it("exits with 0 where nothing changes for anybody", async () => {
    const { stdout: stored } = await cluster.run("get networkpolicy db -o yaml");
    const { code, stdout } = await diff(stored);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^NetworkPolicy default\/db: changed, applies to 1 endpoint\n\n0 pairs of \d+ that/);
  });

  it("tells what deleting would change", async () => {
    const { code, stdout } = await diff(`${head("NetworkPolicy", "db")}spec: {}\n`, " --delete");
    expect(code).toBe(1);
    expect(stdout).toMatch(/^NetworkPolicy default\/db: removed, applied to 1 endpoint\n\nNewly allowed:\n/);
    expect(stdout).toContain("elsewhere (IPv4), 203.0.113.0/24 → default/db-0: everything");
    expect(stdout).toContain(
      "default/web-1, default/web-2 → default/db-0: TCP 1-5431, 5433-65535; UDP; ICMP; other protocols",
    );
  });

  it("knows policies of Kubernetes as kubectl would apply them, and refuses one that would close what it is about", async () => {
    const policy = (spec: string) =>
      `apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: { name: web }\nspec: ${spec}\n`;
    const web = "podSelector: { matchLabels: { app: web } }";
    const { code, stdout, stderr } = await diff(policy(`{ ${web}, policyTypes: [Egress] }`));
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(stdout).toMatch(/^KubernetesNetworkPolicy default\/web: added, applies to 2 endpoints\n\nNewly denied:\n/);
    const { code: same } = await diff(policy(`{ ${web}, policyTypes: [Egress], egress: [{}] }`));
    expect(same).toBe(0);
    const cluster = `apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: { name: first }
spec: { tier: Admin, priority: 1, subject: { namespaces: {} }, egress: [{ action: Deny, to: [{ networks: ["198.51.100.0/24"] }] }] }
`;
    expect((await diff(cluster)).stdout).toMatch(/^KubernetesClusterNetworkPolicy first: added, applies to/);
    const bad = await diff(policy(`{ ${web}, ingress: [{ from: [{ ipBlock: { cidr: here } }] }] }`));
    expect(bad).toMatchObject({ code: 2, stdout: "" });
    expect(bad.stderr).toMatch(
      /^ocicat: standard input, document 1, line 1: KubernetesNetworkPolicy default\/web: spec\.ingress\[0\]/,
    );
  });

  it("knows what network sets, profiles and endpoints decide, too", async () => {
    const set =
      "apiVersion: projectcalico.org/v3\nkind: GlobalNetworkSet\nmetadata: { name: bad, labels: { role: bad } }\nspec: { nets: [203.0.113.0/25] }\n";
    const { code, stdout } = await diff(set);
    expect(code).toBe(1);
    expect(stdout).toMatch(/No policy changes\.\n\nNewly allowed:\n {2}.* → 203\.0\.113\.0\/24: everything\n/);
  });

  it("is for programs as JSON", async () => {
    const { stdout } = await cluster.run("policy diff -f - -o json", { stdin: OPEN });
    const told: unknown = JSON.parse(stdout);
    expect(told).toMatchObject({
      policies: [{ id: "NetworkPolicy default/db", change: "changed", before: 1, after: 1 }],
      pairs: { looked: 14, changed: 4, leftOut: 0 },
    });
    expect(told).toHaveProperty(
      "changes",
      expect.arrayContaining([
        {
          from: { kind: "workloads", count: 1, names: ["prod/web-1"] },
          to: { kind: "workloads", count: 1, names: ["default/db-0"] },
          ipVersions: [4],
          packets: "TCP 5432, 9100",
          before: { allowed: false, by: ["end of the tier default"] },
          after: {
            allowed: true,
            by: ["Profile k8s-pod-network spec.egress[0]", "NetworkPolicy default/db spec.ingress[0]"],
          },
        },
      ]),
    );
  });

  it.each([
    [
      "a policy that apply would refuse",
      OPEN.replace("TCP", "TPC"),
      /line 7, column 34, NetworkPolicy default\/db: spec\.ingress\[0\]\.protocol/,
    ],
    [
      "a tier that does not exist",
      OPEN.replace("spec:", "spec:\n  tier: nosuch"),
      /line 5, column 9, NetworkPolicy default\/db: spec\.tier: "nosuch" is not a tier/,
    ],
    [
      "a kind that decides nothing",
      "apiVersion: projectcalico.org/v3\nkind: IPPool\nmetadata: { name: p }\nspec: { cidr: 10.1.0.0/16 }\n",
      /document 1, line 1: IPPool: policy does not follow from this kind/,
    ],
  ])("exits with 2 and tells the place of %s", async (_what, file, message) => {
    const { code, stdout, stderr } = await diff(file);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(message);
  });

  it("needs a file", async () => {
    const { code, stderr } = await cluster.run("policy diff");
    expect({ code, stderr }).toMatchObject({ code: 2, stderr: expect.stringContaining("give -f FILE") });
  });
});

describe("policy impact --staged", () => {
  it("tells what enforcing all staged policies would change", async () => {
    const { code, stdout } = await cluster.run("policy impact --staged");
    expect(code).toBe(1);
    expect(stdout.split("\n").slice(0, 2)).toEqual([
      "NetworkPolicy default/db: removed, applied to 1 endpoint",
      "NetworkPolicy default/web: added, applies to 2 endpoints",
    ]);
    expect(stdout).toMatch(/Newly denied:\n {2}.* → default\/web-1, default\/web-2: UDP\n/);
    expect(stdout).toContain("Newly allowed:");
  });

  it("or one of them", async () => {
    const { code, stdout } = await cluster.run("policy impact web --staged");
    expect(code).toBe(1);
    expect(stdout).toContain("Newly denied:");
    expect(stdout).not.toContain("Newly allowed:");
  });

  it("refuses a name that nothing staged has", async () => {
    const { code, stderr } = await cluster.run("policy impact --staged nosuch");
    expect({ code, stderr }).toEqual({
      code: 2,
      stderr: 'ocicat: there is no staged policy "nosuch"; use one of default/db, default/web\n',
    });
  });
});
