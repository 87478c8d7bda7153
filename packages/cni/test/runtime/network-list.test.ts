import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import { loadNetworkList, loadNetworkLists, parseNetworkList } from "../../src/runtime/index.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const directory = temporaryDirectory();
const examples = fileURLToPath(new URL("../../examples", import.meta.url));

describe("a network configuration list", () => {
  it("the examples are two", async () => {
    const lists = await loadNetworkLists(examples);
    expect(lists.map(({ name, cniVersion, plugins }) => [name, cniVersion, plugins.map(({ type }) => type)])).toEqual([
      ["k8s-pod-network", "0.3.1", ["calico", "portmap", "bandwidth"]],
      ["ocicat", "1.0.0", ["ocicat", "portmap", "bandwidth"]],
    ]);
    expect(lists[1]?.plugins[1]?.capabilities).toEqual(["portMappings"]);
  });

  it("may be a single plugin's configuration", () => {
    expect(parseNetworkList('{"cniVersion":"0.4.0","name":"lo","type":"loopback"}', "lo.conf")).toMatchObject({
      name: "lo",
      cniVersion: "0.4.0",
      plugins: [{ type: "loopback" }],
    });
  });

  it("runs with the newest version that it allows and this runtime knows", () => {
    const list = { name: "n", cniVersion: "0.4.0", cniVersions: ["0.3.1", "1.0.0", "7.0.0"], plugins: [{ type: "a" }] };
    expect(parseNetworkList(JSON.stringify(list), "f").cniVersion).toBe("1.0.0");
    expect(parseNetworkList('{"name":"n","plugins":[{"type":"a"}]}', "f").cniVersion).toBe("0.1.0");
  });

  it("takes disableCheck as a boolean and as a word", () => {
    const flag = (disableCheck: unknown) =>
      parseNetworkList(JSON.stringify({ name: "n", disableCheck, plugins: [{ type: "a" }] }), "f").disableCheck;
    expect([flag(true), flag("TRUE"), flag("false"), flag(undefined)]).toEqual([true, true, false, false]);
  });

  const bad: readonly (readonly [string, string, RegExp])[] = [
    ["no JSON", "{", /^f: is not JSON/],
    ["a list", "[]", /^f: is not a JSON object/],
    ["no name", '{"plugins":[{"type":"a"}]}', /^f: has no name/],
    ["a name with a slash", '{"name":"a/b","plugins":[{"type":"a"}]}', /^f: has the name "a\/b"/],
    ["no plugins", '{"name":"n","plugins":[]}', /^f: has no plugins/],
    ["plugins that are no list", '{"name":"n","plugins":{}}', /^f: has no plugins/],
    [
      "a plugin without a type",
      '{"name":"n","plugins":[{"type":"a"},{"mtu":1}]}',
      /^f, plugins\[1\]: has no type.*name the plugin/,
    ],
    ["a plugin with an empty type", '{"name":"n","plugins":[{"type":""}]}', /^f, plugins\[0\]: has no type/],
    ["a single configuration without a type", '{"name":"n"}', /^f: has no type/],
    ["a type that is a path", '{"name":"n","plugins":[{"type":"../sh"}]}', /^f, plugins\[0\]: has the type "\.\.\/sh"/],
    ["a plugin that is none", '{"name":"n","plugins":["a"]}', /^f, plugins\[0\]: is not an object/],
    ["an unknown version", '{"name":"n","cniVersion":"3.0.0","plugins":[{"type":"a"}]}', /^f: asks for CNI 3\.0\.0/],
    [
      "a capability that is no boolean",
      '{"name":"n","plugins":[{"type":"a","capabilities":{"x":1}}]}',
      /capabilities\.x/,
    ],
    ["a flag that is none", '{"name":"n","disableCheck":"maybe","plugins":[{"type":"a"}]}', /disableCheck/],
  ];
  it.each(bad)("refuses %s", (_name, text, message) => {
    expect(() => parseNetworkList(text, "f")).toThrow(message);
  });

  it("names the file that cannot be read, and one bad file refuses its directory", async () => {
    await expect(loadNetworkList(join(directory, "none.conflist"))).rejects.toThrow(/none\.conflist: cannot be read/);
    const confs = join(directory, "net.d");
    mkdirSync(confs);
    writeFileSync(join(confs, "20-b.conf"), '{"name":"b","type":"bridge"}');
    writeFileSync(join(confs, "10-a.conflist"), '{"name":"a","plugins":[{"type":"ptp"}]}');
    writeFileSync(join(confs, "README"), "not a configuration");
    expect((await loadNetworkLists(confs)).map(({ name }) => name)).toEqual(["a", "b"]);
    writeFileSync(join(confs, "30-c.conf"), '{"name":"c"}');
    await expect(loadNetworkLists(confs)).rejects.toThrow(/30-c\.conf: has no type/);
  });
});
