import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { CniRuntime, type Exec, execChild, parseNetworkList, type RuntimeAttachment } from "../../src/runtime/index.ts";
import { FakePlugins } from "../support/fake-plugin.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const directory = temporaryDirectory();
let worlds = 0;

const attachment: RuntimeAttachment = {
  containerId: "c1",
  ifname: "eth0",
  netns: "/var/run/netns/none",
  args: { IgnoreUnknown: "1", K8S_POD_NAME: "web-1" },
  capabilityArgs: {
    portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }],
    bandwidth: { ingressRate: 1 },
  },
};
const list = parseNetworkList(
  JSON.stringify({
    cniVersion: "1.0.0",
    name: "net",
    plugins: [
      { type: "one", mtu: 1440 },
      { type: "two", capabilities: { portMappings: true, bandwidth: false } },
    ],
  }),
  "net.conflist",
);
const first = { cniVersion: "1.0.0", ips: [{ address: "10.0.0.1/32" }] };
const second = { ...first, dns: { domain: "two" } };

function world(more: { readonly exec?: Exec; readonly types?: readonly string[] } = {}) {
  worlds += 1;
  const root = join(directory, `${worlds}`);
  const plugins = new FakePlugins(join(root, "bin"), more.types ?? ["one", "two"]);
  plugins.answer("one", "ADD", { out: first });
  plugins.answer("two", "ADD", { out: second });
  const cacheDir = join(root, "cache");
  const exec = more.exec === undefined ? {} : { exec: more.exec };
  return {
    plugins,
    cacheDir,
    runtime: new CniRuntime({ pluginDirs: ["/nonexistent", plugins.directory], cacheDir, ...exec }),
  };
}

describe("ADD of a list", () => {
  it("runs the plugins in order, each with the result before, and keeps the last", async () => {
    const { plugins, runtime, cacheDir } = world();
    const { json, result } = await runtime.addNetworkList(list, attachment);
    expect(json).toEqual(second);
    expect(result.addresses).toHaveLength(1);
    expect(plugins.calls()).toEqual(["one ADD", "two ADD"]);
    expect(plugins.stdin("one", "ADD")).toEqual({ cniVersion: "1.0.0", name: "net", type: "one", mtu: 1440 });
    expect(plugins.stdin("two", "ADD")).toEqual({
      cniVersion: "1.0.0",
      name: "net",
      type: "two",
      runtimeConfig: { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }] },
      prevResult: first,
    });
    expect(plugins.environment("one", "ADD")).toEqual({
      CNI_COMMAND: "ADD",
      CNI_CONTAINERID: "c1",
      CNI_NETNS: "/var/run/netns/none",
      CNI_IFNAME: "eth0",
      CNI_ARGS: "IgnoreUnknown=1;K8S_POD_NAME=web-1",
      CNI_PATH: `/nonexistent:${plugins.directory}`,
    });
    expect(await runtime.attachments()).toEqual([{ network: "net", attachment, result: second }]);
    expect(statSync(join(cacheDir, readdirSync(cacheDir)[0] ?? "")).mode & 0o777).toBe(0o600);
  });

  it("hands labels over as args.cni.labels, beside what is written there", async () => {
    const { plugins, runtime } = world();
    const args = { cni: { ips: ["10.0.0.1"], labels: [{ key: "old", value: "x" }] }, other: 1 };
    const own = JSON.stringify({ cniVersion: "1.0.0", name: "net", plugins: [{ type: "one", args }] });
    await runtime.addNetworkList(parseNetworkList(own, "n"), { ...attachment, labels: { app: "web" } });
    expect(plugins.stdin("one", "ADD")).toMatchObject({
      args: { cni: { ips: ["10.0.0.1"], labels: [{ key: "app", value: "web" }] }, other: 1 },
    });
  });

  it("that fails half-way is undone on the whole list, last first, and the failure is told with what the plugin said", async () => {
    const { plugins, runtime } = world();
    plugins.answer("two", "ADD", {
      out: { cniVersion: "1.0.0", code: 7, msg: "no such port", details: "80" },
      code: 1,
    });
    await expect(runtime.addNetworkList(list, attachment)).rejects.toMatchObject({
      code: "CNI_PLUGIN_FAILED",
      plugin: "two",
      cniCode: 7,
      message: "ADD of plugin two: no such port (80)",
    });
    expect(plugins.calls()).toEqual(["one ADD", "two ADD", "two DEL", "one DEL"]);
    expect(await runtime.attachments()).toEqual([]);
  });

  it("keeps the first failure when undoing it fails too, and undoes the rest all the same", async () => {
    const { plugins, runtime } = world();
    plugins.answer("two", "ADD", { out: { code: 11, msg: "later" }, code: 1 });
    plugins.answer("two", "DEL", { err: "segmentation fault", code: 139 });
    const failure: unknown = await runtime.addNetworkList(list, attachment).catch((error: unknown) => error);
    expect(failure).toMatchObject({ message: expect.stringContaining("later") as string, retryable: true });
    expect((failure as Error).cause).toMatchObject({
      message: expect.stringContaining("segmentation fault") as string,
    });
  });

  const nonsense: readonly (readonly [string, { out?: string; err?: string; code?: number }, RegExp])[] = [
    ["prints nothing", { out: "" }, /printed no result/],
    ["prints no JSON", { out: "hello" }, /not a JSON object \(hello\)/],
    [
      "fails without an error object",
      { err: "panic: oops", code: 2 },
      /exit code 2 and without an error object \(panic: oops\)/,
    ],
    [
      "prints a result that is none",
      { out: '{"cniVersion":"1.0.0","ips":[{"address":"x"}]}' },
      /result of two, ips\[0\]\.address/,
    ],
  ];
  it.each(nonsense)("undoes a plugin that %s", async (_name, answer, message) => {
    const { plugins, runtime } = world();
    plugins.answer("two", "ADD", answer);
    await expect(runtime.addNetworkList(list, attachment)).rejects.toThrow(message);
    expect(plugins.calls().slice(-2)).toEqual(["two DEL", "one DEL"]);
  });

  it("does nothing at all when one plugin of the list is not installed", async () => {
    const { plugins, runtime } = world({ types: ["one"] });
    await expect(runtime.addNetworkList(list, attachment)).rejects.toMatchObject({ code: "CNI_PLUGIN_MISSING" });
    expect(plugins.calls()).toEqual([]);
  });

  it.each([
    ["a container id with a slash", { containerId: "a/b" }],
    ["a long interface name", { ifname: "sixteen-letters!" }],
    ["no namespace", { netns: "" }],
  ])("refuses %s before any plugin runs", async (_name, change) => {
    const { plugins, runtime } = world();
    await expect(runtime.addNetworkList(list, { ...attachment, ...change })).rejects.toMatchObject({ cniCode: 4 });
    expect(plugins.calls()).toEqual([]);
  });

  it("runs the plugins through the executor it is given", async () => {
    const seen: string[] = [];
    const exec: Exec = (command, input) => {
      seen.push(`${input.env.CNI_COMMAND} ${command.split("/").at(-1)}`);
      return execChild(command, input);
    };
    const { runtime } = world({ exec });
    await runtime.addNetworkList(list, attachment);
    expect(seen).toEqual(["ADD one", "ADD two"]);
  });
});

describe("DEL of a list", () => {
  it("runs last to first with the ADD's result, and forgets it", async () => {
    const { plugins, runtime, cacheDir } = world();
    await runtime.addNetworkList(list, attachment);
    await runtime.delNetworkList(list, { containerId: "c1", ifname: "eth0" });
    expect(plugins.stdin("two", "DEL")).toMatchObject({ runtimeConfig: { portMappings: [{ hostPort: 8080 }] } });
    expect(plugins.environment("two", "DEL").CNI_ARGS).toBe("IgnoreUnknown=1;K8S_POD_NAME=web-1");
    expect(plugins.calls().slice(2)).toEqual(["two DEL", "one DEL"]);
    expect(plugins.stdin("one", "DEL")).toMatchObject({ prevResult: second });
    expect(plugins.environment("one", "DEL").CNI_NETNS).toBe("");
    expect(readdirSync(cacheDir)).toEqual([]);
  });

  it("of what was never added runs too", async () => {
    const { plugins, runtime } = world();
    await runtime.delNetworkList(list, attachment);
    expect(plugins.calls()).toEqual(["two DEL", "one DEL"]);
    expect(plugins.stdin("two", "DEL")).not.toHaveProperty("prevResult");
  });

  it("stops at a failure and keeps the result, so that it can be repeated", async () => {
    const { plugins, runtime } = world();
    await runtime.addNetworkList(list, attachment);
    plugins.answer("two", "DEL", { out: { code: 11, msg: "later" }, code: 1 });
    await expect(runtime.delNetworkList(list, attachment)).rejects.toMatchObject({ plugin: "two", retryable: true });
    expect(await runtime.attachments()).toHaveLength(1);
    plugins.answer("two", "DEL", {});
    await runtime.delNetworkList(list, attachment);
    expect(await runtime.attachments()).toEqual([]);
  });
});

describe("CHECK, STATUS and VERSION", () => {
  it("CHECK gives every plugin the final result, in order", async () => {
    const { plugins, runtime } = world();
    await expect(runtime.checkNetworkList(list, attachment)).rejects.toMatchObject({ code: "CNI_NOT_ATTACHED" });
    await runtime.addNetworkList(list, attachment);
    expect(await runtime.checkNetworkList(list, attachment)).toEqual(["one", "two"]);
    expect(plugins.calls().slice(2)).toEqual(["one CHECK", "two CHECK"]);
    expect(plugins.stdin("one", "CHECK")).toMatchObject({ prevResult: second });
    plugins.answer("one", "CHECK", { out: { code: 101, msg: "eth0 is gone" }, code: 1 });
    await expect(runtime.checkNetworkList(list, attachment)).rejects.toMatchObject({ cniCode: 101 });
  });

  it("CHECK is not run where the list disables it, and does not exist before 0.4.0", async () => {
    const { plugins, runtime } = world();
    expect(await runtime.checkNetworkList({ ...list, disableCheck: true }, attachment)).toEqual([]);
    expect(plugins.calls()).toEqual([]);
    await expect(runtime.checkNetworkList({ ...list, cniVersion: "0.3.1" }, attachment)).rejects.toMatchObject({
      code: "CNI_CHECK_UNSUPPORTED",
    });
  });

  it("CHECK of one plugin alone runs also where the list disables it", async () => {
    const { plugins, runtime } = world();
    await runtime.addNetworkList(list, attachment);
    await runtime.checkPlugin({ ...list, disableCheck: true }, "one", attachment);
    expect(plugins.calls().slice(2)).toEqual(["one CHECK"]);
    expect(plugins.stdin("one", "CHECK")).toMatchObject({ prevResult: second });
    await expect(runtime.checkPlugin(list, "three", attachment)).rejects.toMatchObject({
      code: "CNI_PLUGIN_NOT_LISTED",
    });
  });

  it("STATUS asks every plugin of a list of 1.1.0", async () => {
    const { plugins, runtime } = world();
    await runtime.statusNetworkList(list);
    expect(plugins.calls()).toEqual([]);
    plugins.answer("two", "STATUS", { out: { code: 50, msg: "not available" }, code: 1 });
    await expect(runtime.statusNetworkList({ ...list, cniVersion: "1.1.0" })).rejects.toMatchObject({ cniCode: 50 });
    expect(plugins.calls()).toEqual(["one STATUS", "two STATUS"]);
  });

  it("VERSION reads the list of versions", async () => {
    const { plugins, runtime } = world();
    plugins.answer("one", "VERSION", { out: { cniVersion: "1.0.0", supportedVersions: ["0.4.0", "1.0.0"] } });
    expect(await runtime.versions("one")).toEqual(["0.4.0", "1.0.0"]);
  });
});
