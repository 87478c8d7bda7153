import { describe, expect, it } from "vitest";
import { always, startAgent } from "../support/agent.ts";
import { clusterForAll } from "../support/policy-cluster.ts";

const HOST = `apiVersion: projectcalico.org/v3
kind: HostEndpoint
metadata: { name: node2-all, labels: { host: yes } }
spec: { node: node2, interfaceName: "*" }`.replace("yes", '"yes"');
const FORWARD = `apiVersion: projectcalico.org/v3
kind: GlobalNetworkPolicy
metadata: { name: edge }
spec: { selector: host == 'yes', applyOnForward: true, ingress: [{ action: Deny, source: { nets: [192.0.2.0/24] } }, { action: Allow }] }`;

const cluster = clusterForAll(HOST, FORWARD);

describe("policy show", () => {
  it("tells what applies to a pod, both ways, in order, with whom selectors choose", async () => {
    const { code, stdout, stderr } = await cluster.run("policy show db-0");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toBe(`default/db-0 on node2: 10.244.104.2, calidefdb0
  labels    app=db, projectcalico.org/namespace=default, projectcalico.org/orchestrator=k8s
  profiles  k8s-pod-network

ingress: the first rule that matches decides
  tier default
    NetworkPolicy default/db
      spec.ingress[0]  Allow TCP from (projectcalico.org/namespace == "default" && app == "web") to port 5432
          (projectcalico.org/namespace == "default" && app == "web") is default/web-1, default/web-2
    at its end: denied
  profiles, which nothing reaches

egress: the first rule that matches decides
  tier security
    GlobalNetworkPolicy block-bad
      spec.egress[0]  Deny to role == "bad"
          role == "bad" is GlobalNetworkSet bad
    at its end: on to the next
  profiles
    Profile k8s-pod-network
      spec.egress[0]  Allow everything
    at their end: denied
`);
  });

  it("tells it of a host endpoint at each stage, by the node's name or its own", async () => {
    const { stdout } = await cluster.run("policy show node2");
    expect(stdout).toMatch(/^HostEndpoint node2-all on node2: no address, \*\n {2}labels {4}host=yes\n/);
    expect(stdout).toContain(
      "ingress: the first rule that matches decides\n  tier default\n    GlobalNetworkPolicy edge\n",
    );
    expect(stdout).toContain("ingress, what it forwards: the first rule that matches decides\n  tier default\n");
    expect((await cluster.run("policy show node2-all")).stdout).toBe(stdout);
  });

  it("counts what each rule has decided, as the endpoint's agent says it", async () => {
    const rule = { field: "spec.ingress[0]", action: "allow", text: "", packets: 7, bytes: 420 };
    const agent = await startAgent((path, query) =>
      path === "/policy/show" && query.get("endpoint") === "default/node2-k8s-db--0-eth0"
        ? always({
            stages: [
              {
                stage: "normal",
                direction: "ingress",
                tiers: [{ name: "default", policies: [{ id: "NetworkPolicy default/db", rules: [rule] }] }],
              },
            ],
            profiles: [],
          })(path, query)
        : { status: 404, body: "{}" },
    );
    const { code, stdout } = await cluster.run("policy show db-0 --live", { agentSocket: agent.socket });
    const json = await cluster.run("policy show db-0 --live -o json", { agentSocket: agent.socket });
    await agent.stop();
    expect(code).toBe(0);
    expect(stdout).toMatch(/spec\.ingress\[0\] {2}Allow TCP .* to port 5432 {2}\[7 packets\]\n/);
    expect(stdout).toContain('Deny to role == "bad"  [0 packets]');
    expect(JSON.parse(json.stdout)).toMatchObject([
      {
        endpoint: "default/db-0",
        sections: [{ direction: "ingress", tiers: [{ policies: [{ rules: [{ packets: 7 }] }] }] }, {}],
      },
    ]);
  });

  it.each([
    ["node1", /node1 is no endpoint: no policy applies to it; make a HostEndpoint for node1/],
    ["203.0.113.7", /203\.0\.113\.7 is no endpoint/],
    ["nosuch", /there is no pod, workload endpoint, node or host endpoint "nosuch"/],
    ["db-0 --live", /default\/db-0: the agent of node2 is not in reach, or does not know it yet; run this on node2/],
  ])("says why it cannot: %s", async (line, message) => {
    const { code, stdout, stderr } = await cluster.run(`policy show ${line}`);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toMatch(message);
  });
});
