import { afterAll, beforeAll, expect, it } from "vitest";
import { eventually, OCICAT, TestLab } from "./support/lab.ts";

const lab = new TestLab();

beforeAll(() => lab.up());
afterAll(async () => {
  expect(await lab.down()).toEqual([]);
});

/** What a kubelet's probe sees on a node: the status, and the reasons below it. */
async function probe(node: string, path: string): Promise<string> {
  const { stdout } = await lab.exec(node, "curl", "-s", "-w", "%{http_code}", `http://127.0.0.1:9099${path}`);
  return stdout;
}

it("an agent is ready while its datastore answers, whatever becomes of its BGP peers; and alive all the while", async () => {
  expect(await probe("node1", "/readiness")).toBe("ok\n200");

  // One peer is gone, and stays so: the other nodes' agents are no less ready.
  await lab.lab.kill("agent-node2");
  await eventually(
    async () => (await lab.exec("node1", process.execPath, OCICAT, "node", "status")).stdout,
    (status) => /192\.168\.0\.82 .*start/.test(status),
  );
  expect(await probe("node1", "/readiness")).toBe("ok\n200");

  await lab.lab.kill("datastore");
  const away = await eventually(
    () => probe("node1", "/readiness"),
    (answer) => answer.endsWith("503"),
  );
  expect(away).toContain("datastore: it cannot be reached");
  expect(await probe("node1", "/liveness")).toBe("ok\n200");

  await lab.lab.restartDatastore();
  await eventually(
    () => probe("node1", "/readiness"),
    (answer) => answer === "ok\n200",
  );
});
