import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { findKubernetes, PrivateControlPlane } from "@ocicat/lab/kubernetes";
import { afterAll, beforeAll, describe, expect, it } from "vitest";

const manifest = (name: string) => fileURLToPath(new URL(`../../deploy/${name}`, import.meta.url));

let cluster: PrivateControlPlane;

beforeAll(async () => {
  cluster = await PrivateControlPlane.start();
});

afterAll(async () => {
  await cluster?.stop();
});

function kubectl(...args: readonly string[]): string {
  return execFileSync(join(findKubernetes(), "kubectl"), args, {
    encoding: "utf8",
    env: { ...process.env, KUBECONFIG: cluster.kubeconfig },
  });
}

const lines = (text: string) => text.split("\n").filter((line) => line !== "");

describe.each(["ocicat.yaml", "ocicat-v3.yaml"])("kubectl apply -f deploy/%s", (name) => {
  it("is taken whole, without a warning, and changes nothing the second time", () => {
    const first = lines(kubectl("apply", "-f", manifest(name)));
    expect(first.length).toBeGreaterThan(30);
    expect(first.filter((line) => !/ (created|configured|unchanged)$/.test(line))).toEqual([]);
    const second = lines(kubectl("apply", "-f", manifest(name)));
    expect(second.filter((line) => !line.endsWith(" unchanged"))).toEqual([]);
  });
});
