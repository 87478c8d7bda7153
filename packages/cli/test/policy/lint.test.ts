import { describe, expect, it } from "vitest";
import { withStore } from "../support/golden.ts";
import { clusterForAll } from "../support/policy-cluster.ts";

const cluster = clusterForAll();

const FILE = `apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata: { name: late, namespace: default }
spec:
  selector: app == 'db'
  order: 20
  ingress:
    - action: Allow
      protocol: TCP
    - action: Deny
      protocol: TCP
      destination: { ports: [22] }
`;

describe("policy lint", () => {
  it("tells of a file's policies what, where with the line, what comes of it, and how to mend it", async () => {
    const { code, stdout, stderr } = await cluster.run("policy lint -f -", { stdin: FILE });
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(stdout).toMatch(/^Hardly what was meant:\n\n/);
    expect(stdout).toMatch(
      /shadowed {2}NetworkPolicy default\/late {2}spec\.ingress\[1\] {2}\(standard input line 10\)\n {2}.*\n {2}why {3}.*\n {2}mend {2}.*\n/,
    );
    expect(stdout).not.toContain("block-bad");
    expect(stdout).toMatch(/\d+ findings?\.\n$/);
  });

  it("tells of all that is stored, also of what cannot be read, the gravest first", async () => {
    const key = "/calico/resources/v3/projectcalico.org/networkpolicies/prod/broken";
    const value =
      '{"kind":"NetworkPolicy","metadata":{"name":"broken","namespace":"prod"},"spec":{"selector":"app =="}}';
    await withStore(cluster.endpoint, (store) => store.put(key, value));
    const { code, stdout } = await cluster.run("policy lint");
    const { stdout: json } = await cluster.run("policy lint -o json");
    await withStore(cluster.endpoint, (store) => store.delete(key));
    expect(code).toBe(1);
    expect(stdout).toMatch(/^Not enforced as written:\n\nunreadable {2}NetworkPolicy prod\/broken {2}spec/);
    const [first] = JSON.parse(json) as readonly unknown[];
    expect(first).toMatchObject({
      code: "unreadable",
      severity: "error",
      resource: { kind: "NetworkPolicy", name: "prod/broken" },
      place: null,
    });
  });

  it("refuses what apply would refuse, with the place", async () => {
    const { code, stdout, stderr } = await cluster.run("policy lint -f -", { stdin: FILE.replace("[22]", "[70000]") });
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(
      "line 12, column 30, NetworkPolicy default/late: spec.ingress[1].destination.ports[0]: 70000",
    );
  });
});
