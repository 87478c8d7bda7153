import { kinds } from "@ocicat/api";
import { describe, expect, it } from "vitest";
import { terminal } from "./support/terminal.ts";

const run = terminal();

async function printed(...args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run("explain", ...args);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

describe("explain", () => {
  it("lists every kind with its names", async () => {
    const lines = (await printed()).split("\n");
    expect(lines[0]).toMatch(/^KIND +NAME +SHORT FORMS +NAMESPACED$/);
    expect(lines.slice(1, -1)).toHaveLength(kinds.length);
    expect(lines.find((line) => line.startsWith("IPPool "))).toMatch(/ippools +ipp, ipps, pool, pools +no$/);
  });

  it("says of a kind what it is for, where it is stored, its rules and the fields of its spec", async () => {
    const text = await printed("pool");
    expect(text).toMatch(/^KIND: {5}IPPool\nVERSION: {2}projectcalico\.org\/v3\nNAMES: {4}ippool, ippools, ipp,/);
    expect(text).toContain("STORED:   /calico/resources/v3/projectcalico.org/ippools/NAME\n");
    expect(text).toContain("\nRULES:\n    - blockSize is 20 to 32 for IPv4");
    expect(text).toContain(
      '\n    ipipMode  <string>\n      When packets between nodes travel in IPIP (IPv4 only): never, always, or\n      where the nodes\' subnets differ.\n      Takes one of Never, Always, CrossSubnet.\n      Default: "Never"\n',
    );
    expect(text.split("\n").filter((line) => line.length > 80)).toEqual([]);
  });

  it("says of a kind that nobody writes why", async () => {
    expect(await printed("affinity")).toMatch(
      /\nSTORED: {3}below \/calico\/ipam\/v2\/host\/\nWRITTEN: {2}not by hand: IPAM/,
    );
  });

  it("says of a field what it takes, and what is below it", async () => {
    expect(await printed("bgpfilter.importV4.prefixLength")).toBe(
      [
        "KIND:     BGPFilter",
        "FIELD:    spec.importV4[].prefixLength <Object>",
        "",
        "DESCRIPTION:",
        "    Of those, routes with a prefix of such a length.",
        "",
        "FIELDS:",
        "  min  <integer>",
        "    The shortest; that of the cidr unless told.",
        "    Takes an integer from 0 to 32.",
        "  max  <integer>",
        "    The longest; that of one address unless told.",
        "    Takes an integer from 0 to 32.",
        "",
      ].join("\n"),
    );
  });

  it("says which resources there are without being stored", async () => {
    expect(await printed("tier")).toMatch(/\nBUILT IN: default, kube-admin, kube-baseline\n/);
    expect(await printed("pool")).not.toContain("BUILT IN");
  });

  it("says what has no effect yet", async () => {
    expect(await printed("felixconfig.bpfEnabled")).toContain(
      "    Default: false\n    Stored; without effect in this version (Dataplane: eBPF).\n",
    );
  });

  it("shows a tree of all fields", async () => {
    const text = await printed("bgpfilter", "--recursive");
    expect(text).toContain(
      "\n    exportV4  <[]Object>\n      cidr  <string>\n      prefixLength  <Object>\n        min  <integer>\n",
    );
    const below = await printed("node.spec.bgp", "--recursive");
    expect(below).toMatch(
      /^KIND: {5}Node\nFIELD: {4}spec\.bgp <Object>\n\nFIELDS:\n {2}asNumber {2}<integer or string>\n/,
    );
  });

  it("gives a page, and JSON Schema of a kind or of one field", async () => {
    expect(await printed("node", "-o", "markdown")).toMatch(/^# Node\n\n/);
    expect(JSON.parse(await printed("node", "-o=json-schema"))).toMatchObject({ title: "Node", type: "object" });
    expect(JSON.parse(await printed("ippool.vxlanMode", "-o", "json-schema"))).toEqual({
      description: expect.any(String),
      type: "string",
      enum: ["Never", "Always", "CrossSubnet"],
    });
  });

  it.each([
    [["wibble"], '"wibble" is not a kind of resource; use one of bgpconfigurations, '],
    [["ippool.spec.cdir"], '"spec.cdir" is not a field of IPPool; did you mean spec.cidr?'],
    [["ippool.wibble"], '"wibble" is not a field of IPPool; use one of cidr, vxlanMode, '],
    [["ippool", "-o", "wibble"], '"wibble" is not an output format; use one of text, markdown, json-schema'],
  ])("refuses %j", async (args, message) => {
    const { code, stdout, stderr } = await run("explain", ...args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(message);
  });
});
