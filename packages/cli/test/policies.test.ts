import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startEmbedded, type TestDatastore } from "./support/datastores.ts";
import { contents, goldenInput, withStore } from "./support/golden.ts";
import { type Outcome, terminal } from "./support/terminal.ts";

const POLICIES = "/calico/resources/v3/projectcalico.org/globalnetworkpolicies/";

let datastore: TestDatastore;
beforeAll(async () => {
  datastore = await startEmbedded();
});
afterAll(() => datastore.stop());

const run = (line: string, stdin = ""): Promise<Outcome> =>
  terminal({ env: { ETCD_ENDPOINTS: datastore.endpoint }, stdin })(...line.split(" "));

describe("policies", () => {
  it("are stored, and nothing is said of them that changes nothing", async () => {
    const { code, stdout, stderr } = await run(`apply -f ${goldenInput("netpol.yaml")}`);
    expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: "Successfully applied 7 resource(s)\n", stderr: "" });
  });

  it("and their tier go together in the order in which they hold each other", async () => {
    const before = await contents(datastore.endpoint);
    expect((await run(`delete -f ${goldenInput("netpol.yaml")}`)).code).toBe(1);
    expect(await contents(datastore.endpoint)).toEqual(before);
    expect(await run("delete gnp security.block-bad")).toMatchObject({ code: 0 });
    expect(await run("delete tier security")).toMatchObject({ code: 0 });
  });

  it.each(["networkpolicy", "gnp", "profile kns.default", "netsets", "gnetsets"])(
    "are applied again as they are shown: %s",
    async (what) => {
      const { stdout } = await run(`get ${what} -o yaml`);
      const before = await contents(datastore.endpoint);
      expect(await run("apply -f -", stdout)).toMatchObject({ code: 0 });
      expect(await contents(datastore.endpoint)).toEqual(before);
    },
  );

  it("of before v3.32 are shown by the name that people know, and addressed by either", async () => {
    const old = `{"kind":"GlobalNetworkPolicy","apiVersion":"projectcalico.org/v3","metadata":{"name":"default.old"},"spec":{"tier":"default","order":7,"selector":"all()","types":["Ingress"]}}`;
    await withStore(datastore.endpoint, (store) => store.put(`${POLICIES}default.old`, old));
    const table = "NAME   TIER      ORDER   SELECTOR   \nold    default   7       all()      \n\n";
    expect((await run("get gnp old -o wide")).stdout).toBe(table);
    expect((await run("get gnp default.old -o wide")).stdout).toBe(table);
    expect(await run('patch gnp default.old -p {"spec":{"order":8}}')).toMatchObject({ code: 0 });
    expect(await run("label gnp old a=b")).toMatchObject({ code: 0 });
    const stored = await withStore(datastore.endpoint, (store) => store.get(`${POLICIES}default.old`));
    expect(JSON.parse(stored?.value ?? "")).toMatchObject({
      metadata: { name: "default.old", labels: { a: "b", "projectcalico.org/tier": "default" } },
      spec: { order: 8 },
    });
    expect(await run("delete gnp default.old")).toMatchObject({ code: 0 });
    expect(await run("get gnp old")).toMatchObject({ code: 1 });
  });
});
