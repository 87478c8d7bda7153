import { chmodSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import {
  buildPlugin,
  installCompanions,
  installNetwork,
  installPlugin,
  renderNetwork,
} from "../../src/install/index.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const directory = temporaryDirectory();
let made = 0;
const fresh = () => {
  made += 1;
  return join(directory, `${made}`);
};

/** As Calico's manifest has it, and the people who change it. */
const TEMPLATE = `{
  "name": "k8s-pod-network",
  "cniVersion": "0.3.1",
  "plugins": [
    {
      "type": "calico",
      "datastore_type": "kubernetes",
      "nodename": "__KUBERNETES_NODE_NAME__",
      "mtu": __CNI_MTU__,
      "ipam": { "type": "calico-ipam" },
      "kubernetes": { "kubeconfig": "__KUBECONFIG_FILEPATH__" }
    },
    { "type": "portmap", "snat": true, "capabilities": { "portMappings": true } }
  ]
}`;
const words = { nodeName: "node1", mtu: 1440 };
const network = (targetDir: string, template = TEMPLATE) =>
  installNetwork({ targetDir, fileName: "10-calico.conflist", template, words });

describe("the network's configuration", () => {
  it("is Calico's template with its words filled in, and names no credentials", () => {
    expect(JSON.parse(renderNetwork(TEMPLATE, words))).toMatchObject({
      plugins: [{ nodename: "node1", mtu: 1440, kubernetes: { kubeconfig: "" } }, { type: "portmap" }],
    });
  });

  it("is replaced as a whole, and left where it is current", async () => {
    const dir = fresh();
    expect(await network(dir)).toEqual({ path: join(dir, "10-calico.conflist"), change: "installed" });
    const inode = statSync(join(dir, "10-calico.conflist")).ino;
    expect((await network(dir)).change).toBe("unchanged");
    expect(statSync(join(dir, "10-calico.conflist")).ino).toBe(inode);
    expect((await network(dir, TEMPLATE.replace("0.3.1", "1.0.0"))).change).toBe("replaced");
    expect(readdirSync(dir)).toEqual(["10-calico.conflist"]);
  });

  it.each([
    ["is not JSON", TEMPLATE.replace("__CNI_MTU__,", "__CNI_MTU__"), "is not JSON"],
    ["has a word that nobody knows", TEMPLATE.replace("__CNI_MTU__", "__ETCD_ENDPOINTS__"), "__ETCD_ENDPOINTS__"],
    ["is somebody else's", '{"name":"x","plugins":[{"type":"bridge"}]}', "none of its plugins is ours: bridge"],
  ])("that %s is refused, and what is there stays", async (_why, template, what) => {
    const dir = fresh();
    await network(dir);
    const before = readFileSync(join(dir, "10-calico.conflist"), "utf8");
    await expect(network(dir, template)).rejects.toMatchObject({ code: "CNI_INSTALL_NETWORK" });
    await expect(network(dir, template)).rejects.toThrow(what);
    expect(readFileSync(join(dir, "10-calico.conflist"), "utf8")).toBe(before);
    expect(readdirSync(dir)).toEqual(["10-calico.conflist"]);
  });

  it("goes nowhere but into its directory", async () => {
    const options = { targetDir: fresh(), template: TEMPLATE, words };
    await expect(installNetwork({ ...options, fileName: "../up.conflist" })).rejects.toThrow("CNI_CONF_NAME");
  });
});

describe("an image's plugin", () => {
  it("is built once and installed without a compiler", async () => {
    const dir = fresh();
    mkdirSync(dir, { recursive: true });
    const prebuilt = join(dir, "ocicat-cni");
    await buildPlugin(prebuilt, "/usr/bin/gcc");
    const targetDir = join(dir, "bin");
    const report = await installPlugin({ targetDir, prebuilt, environment: { PATH: "" } });
    expect(report).toMatchObject({ kind: "native", why: `came as ${prebuilt}` });
    expect((await installPlugin({ targetDir, prebuilt })).files.map(({ change }) => change)).toEqual(
      Array.from(report.files, () => "unchanged"),
    );
  });

  it("is not taken for one if it is something else", async () => {
    await expect(installPlugin({ targetDir: fresh(), prebuilt: "/bin/true" })).rejects.toMatchObject({
      code: "CNI_INSTALL_FAILED",
    });
  });

  it("brings plugins that are missing, and leaves those that a node has", async () => {
    const dir = fresh();
    const [source, target] = [join(dir, "source"), join(dir, "target")];
    for (const name of [source, target]) mkdirSync(name, { recursive: true });
    for (const name of ["bandwidth", "portmap"]) {
      writeFileSync(join(source, name), "ours");
      chmodSync(join(source, name), 0o755);
    }
    writeFileSync(join(target, "portmap"), "the node's");
    expect(await installCompanions(source, target)).toEqual(["bandwidth"]);
    expect(readFileSync(join(target, "portmap"), "utf8")).toBe("the node's");
    expect(statSync(join(target, "bandwidth")).mode & 0o777).toBe(0o755);
    expect(readdirSync(target).sort()).toEqual(["bandwidth", "portmap"]);
  });
});
