import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startEmbedded, type TestDatastore } from "./support/datastores.ts";
import { contents } from "./support/golden.ts";
import { terminal } from "./support/terminal.ts";

let datastore: TestDatastore;
beforeAll(async () => {
  datastore = await startEmbedded();
});
afterAll(() => datastore.stop());

const policy = (...spec: readonly string[]) =>
  [
    "apiVersion: projectcalico.org/v3",
    "kind: NetworkPolicy",
    "metadata: { name: bad, namespace: prod }",
    "spec:",
    ...spec,
    "",
  ].join("\n");

const rules = (count: number) => ["  egress:", ...Array.from({ length: count }, () => "  - action: Allow")];

describe("a bad policy is refused with line and column, and nothing is stored", () => {
  it.each([
    [
      "an unknown action",
      policy("  ingress:", "  - action: Permit"),
      'line 6, column 13, NetworkPolicy prod/bad: spec.ingress[0].action: "Permit" is not one of Allow, Deny, Log, Pass [choice]',
    ],
    [
      "port 70000",
      policy("  ingress:", "  - action: Allow", "    protocol: TCP", "    destination: { ports: [80, 70000] }"),
      "line 8, column 32, NetworkPolicy prod/bad: spec.ingress[0].destination.ports[1]: 70000 is not a port from 1 to 65535",
    ],
    [
      "a selector with a missing brace, at its end",
      policy("  selector: app in {'web'"),
      "line 5, column 26, NetworkPolicy prod/bad: spec.selector: \"app in {'web'\" is not a selector: column 14: expected '}'",
    ],
    [
      "a selector of a rule, in quotes, where it stops making sense",
      policy("  ingress:", "  - action: Allow", "    source:", "      selector: \"app == 'a' & b == 'c'\""),
      "line 8, column 29, NetworkPolicy prod/bad: spec.ingress[0].source.selector: \"app == 'a' & b == 'c'\" is not a selector: column 12: a single '&'",
    ],
    [
      "a tier that does not exist",
      policy("  selector: all()", "  tier: security"),
      'line 6, column 9, NetworkPolicy prod/bad: spec.tier: "security" is not a tier that there is; create it first, or use one of default, kube-admin, kube-baseline [tier]',
    ],
    [
      "more rules than there may be",
      policy(...rules(1001)),
      "line 1006, column 5, NetworkPolicy prod/bad: spec.egress[1000]: is one rule too many: there are 1001, and may be 1000",
    ],
  ])("%s", async (_what, stdin, told) => {
    const env = { ETCD_ENDPOINTS: datastore.endpoint };
    const before = await contents(datastore.endpoint);
    for (const verb of ["apply", "create"]) {
      const { code, stdout, stderr } = await terminal({ env, stdin })(verb, "-f", "-");
      expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
      expect(stderr).toContain(`standard input, document 1, ${told}`);
      expect(stderr.trim().split("\n")).toHaveLength(1);
    }
    expect(await contents(datastore.endpoint)).toEqual(before);
  });

  it("a thousand rules are not too many", async () => {
    const env = { ETCD_ENDPOINTS: datastore.endpoint };
    const stdin = policy(...rules(1000));
    expect(await terminal({ env, stdin })("validate", "-f", "-")).toMatchObject({ code: 0, stderr: "" });
  });
});
