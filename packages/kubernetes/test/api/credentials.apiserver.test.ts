import { chmodSync, mkdtempSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PrivateControlPlane } from "@ocicat/lab/kubernetes";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { inClusterTarget, KubernetesDatastore, readKubeconfig, type Target } from "../../src/index.ts";

let cluster: PrivateControlPlane;
let directory: string;
let target: Target;
beforeAll(async () => {
  cluster = await PrivateControlPlane.start();
  directory = mkdtempSync(join(tmpdir(), "ocicat-credentials-"));
  target = readKubeconfig(cluster.kubeconfig);
}, 60_000);
afterAll(async () => {
  await cluster?.stop();
  rmSync(directory, { recursive: true, force: true });
});

const PROFILES = "/calico/resources/v3/projectcalico.org/profiles/kns.default";

async function ask(asked: Target): Promise<unknown> {
  const store = new KubernetesDatastore({ target: asked, timeoutMs: 5_000 });
  try {
    return await store.get(PROFILES);
  } finally {
    await store.close();
  }
}

function file(name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(`${path}.new`, text, { mode: 0o600 });
  renameSync(`${path}.new`, path);
  return path;
}

describe("who an API server is asked as", () => {
  it("is the token of a file, the one that is there by now: kubelet puts a new one in its place", async () => {
    const path = file("token", "expired");
    const store = new KubernetesDatastore({ target: { ...target, token: { file: path } }, timeoutMs: 5_000 });
    try {
      await expect(store.get(PROFILES)).rejects.toMatchObject({ code: "UNAUTHENTICATED" });
      file("token", `${cluster.credentials.tokenOf("admin")}\n`);
      // The old one is known and has been read a moment ago: the refusal makes it look again.
      expect(await store.get(PROFILES)).toMatchObject({ key: PROFILES });
    } finally {
      await store.close();
    }
  });

  it("is a watch's too, that was begun with another", async () => {
    const path = file("token", cluster.credentials.tokenOf("admin"));
    const store = new KubernetesDatastore({ target: { ...target, token: { file: path } }, timeoutMs: 5_000 });
    try {
      const { revision } = await store.list(PROFILES);
      file("token", "expired");
      const watch = store.watch("/calico/resources/v3/projectcalico.org/profiles/", { from: revision + 1n });
      const told = watch[Symbol.asyncIterator]().next();
      file("token", cluster.credentials.tokenOf("admin"));
      const namespace = { apiVersion: "v1", kind: "Namespace", metadata: { name: "told" } };
      await store.api.create(
        { group: "", version: "v1", plural: "namespaces", namespaced: false },
        undefined,
        namespace,
      );
      expect((await told).value).toMatchObject({ events: [{ item: { key: expect.stringContaining("kns.told") } }] });
    } finally {
      await store.close();
    }
  });

  it("is a client certificate, in files or in the kubeconfig", async () => {
    const { certificate, key } = cluster.credentials.adminCertificate;
    const asked = { ...target, token: undefined, certificate: { chain: { file: certificate }, key: { file: key } } };
    expect(await ask(asked)).toMatchObject({ key: PROFILES });
    const config = JSON.stringify({
      "current-context": "c",
      contexts: [{ name: "c", context: { cluster: "c", user: "u" } }],
      clusters: [
        {
          name: "c",
          cluster: {
            server: cluster.plane.server,
            "tls-server-name": "kubernetes",
            "certificate-authority": cluster.credentials.serverAuthority,
          },
        },
      ],
      users: [{ name: "u", user: { "client-certificate": certificate, "client-key": key } }],
    });
    expect(await ask(readKubeconfig(file("kubeconfig", config)))).toMatchObject({ key: PROFILES });
  });

  it("is what a command prints", async () => {
    const status = { token: cluster.credentials.tokenOf("admin") };
    const printed = JSON.stringify({ apiVersion: "client.authentication.k8s.io/v1", kind: "ExecCredential", status });
    const command = file("credential", `#!/bin/sh\ntest "$1 $NAME" = "get me" || exit 1\necho '${printed}'\n`);
    chmodSync(command, 0o700);
    const source = { command, args: ["get"], env: { NAME: "me" }, apiVersion: "client.authentication.k8s.io/v1" };
    expect(await ask({ ...target, token: { command: source } })).toMatchObject({ key: PROFILES });
    await expect(ask({ ...target, token: { command: { ...source, args: [] } } })).rejects.toThrow(
      /credential: failed: 1/,
    );
  });

  it("is a pod's service account, from where kubelet puts it", async () => {
    file("token", cluster.credentials.tokenOf("admin"));
    const { port } = new URL(cluster.plane.server);
    const env = { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: port };
    const found = inClusterTarget(env, directory);
    expect(found).toMatchObject({ ca: { file: join(directory, "ca.crt") }, token: { file: join(directory, "token") } });
    const ca = { file: cluster.credentials.serverAuthority };
    expect(await ask({ ...found, ca, serverName: "kubernetes" })).toMatchObject({ key: PROFILES });
  });

  it("is refused in words that say what to do, and never the token", async () => {
    const wrong = ask({ ...target, token: { text: "s3cret" } });
    await expect(wrong).rejects.toThrow(/Unauthorized.*see that the token or certificate/);
    await expect(wrong).rejects.not.toThrow(/s3cret/);
    await expect(ask({ ...target, token: { file: join(directory, "absent") } })).rejects.toThrow(
      /absent: cannot be read/,
    );
    await expect(ask({ ...target, ca: undefined })).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });
});
