import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { API_VERSION, bgpFilter, readDocument } from "@ocicat/api";
import { formatAddress, ipv4, parseAddress, parsePrefix } from "@ocicat/net";
import type { PoolRow } from "@ocicat/routing";
import { describe, expect, it } from "vitest";
import { renderAggr } from "../../../src/bgp/bird/aggr.ts";
import { renderBird } from "../../../src/bgp/bird/bird-cfg.ts";
import { functionName } from "../../../src/bgp/bird/filters.ts";
import type { BirdInputs } from "../../../src/bgp/bird/inputs.ts";
import { renderIpam } from "../../../src/bgp/bird/ipam.ts";
import type { Session } from "../../../src/bgp/sessions.ts";
import { bgpFilterRow } from "../../../src/tables/bgp-filter-row.ts";

const run = promisify(execFile);

function session(address: string, extra: Partial<Session> = {}, config: Partial<Session["config"]> = {}): Session {
  const remoteAddress = parseAddress(address);
  const name = `Mesh_${address.replaceAll(/[.:]/g, "_")}`;
  const own = address.includes(":") ? "fd00::81" : "192.168.0.81";
  return {
    name,
    type: "node-to-node mesh",
    node: undefined,
    remoteAddress,
    link: undefined,
    unnumbered: false,
    remoteAs: 64512,
    reachableBy: undefined,
    filters: [],
    bfd: undefined,
    refused: undefined,
    origin: { reason: "test", resources: [] },
    ...extra,
    config: {
      name,
      remoteAddress,
      remoteAs: extra.remoteAs ?? 64512,
      localAddress: parseAddress(own),
      gracefulRestart: { restartTimeS: 120 },
      ...config,
    },
  };
}

const pool = (cidr: string, extra: Partial<PoolRow> = {}): PoolRow => ({
  name: cidr,
  cidr: parsePrefix(cidr),
  ipipMode: "Never",
  vxlanMode: "Never",
  natOutgoing: true,
  disabled: false,
  disableBgpExport: false,
  ...extra,
});

function filter(name: string, spec: object) {
  const resource = readDocument({ apiVersion: API_VERSION, kind: "BGPFilter", metadata: { name }, spec });
  if (!bgpFilter.is(resource)) throw new Error("not a BGPFilter");
  return bgpFilterRow(resource);
}

const EDGE = filter("edge", {
  importV4: [
    { action: "Reject", matchOperator: "In", cidr: "10.98.0.0/16", prefixLength: { max: 24 } },
    { action: "Reject", matchOperator: "NotEqual", cidr: "10.98.0.0/16", interface: "eth*" },
    { action: "Accept", communities: { values: ["65000:1:2"] }, asPathPrefix: [65000, 65001], priority: 512 },
  ],
  exportV4: [
    { action: "Reject", source: "RemotePeers", peerType: "eBGP" },
    {
      action: "Accept",
      peerType: "iBGP",
      operations: [
        { addCommunity: { value: "65000:7" } },
        { prependASPath: { prefix: [1, 2] } },
        { setPriority: { value: 512 } },
      ],
    },
  ],
  exportV6: [{ action: "Reject", matchOperator: "In", cidr: "fd00:1::/32" }],
});

const INPUTS: BirdInputs = {
  node: "node1",
  routerId: "192.168.0.81",
  localAs: 64512,
  port: 179,
  bindTo: undefined,
  sessions: [
    session("192.168.0.80"),
    session("192.168.0.82", {}, { passive: true }),
    session("fd00::82"),
    session(
      "192.168.0.1",
      { name: "Global_192_168_0_1", type: "global", remoteAs: 65000, filters: ["edge"] },
      {
        security: { password: "open sesame", ttl: 255, minTtl: 254 },
        nextHopMode: "keep",
        allowedOwnAs: 2,
        keepaliveS: 10,
      },
    ),
    session(
      "fe80::1",
      { name: "Node_eth1", type: "node specific", remoteAs: 65000, link: "eth1", unnumbered: true, filters: ["edge"] },
      { localAddress: undefined, security: { ttl: 255, minTtl: 255 } },
    ),
    session(
      "10.9.0.1",
      {
        name: "Node_10_9_0_1",
        type: "node specific",
        reachableBy: parseAddress("192.168.0.254"),
        filters: ["edge", "gone"],
      },
      { clusterId: ipv4(0xe0000001), reflectorClient: true, localAs: 64512, remotePort: 1790 },
    ),
    session("fd00::1", { name: "Node_fd00__1", type: "node specific", remoteAs: 65001, filters: ["edge"] }),
  ],
  filters: [EDGE],
  pools: [
    pool("10.244.0.0/16"),
    pool("10.245.0.0/16", { ipipMode: "CrossSubnet" }),
    pool("10.246.0.0/16", { vxlanMode: "Always", disableBgpExport: true }),
    pool("fd00:10::/64"),
  ],
  advertisements: [{ network: parsePrefix("10.244.0.0/16"), communities: [((64512 << 16) | 3) >>> 0, [64512, 1, 2]] }],
  blocks: ["10.244.42.64/26", "10.245.1.0/32", "fd00:10::40/122"].map((text) => parsePrefix(text)),
  statics: [parsePrefix("10.96.0.0/12")],
  reflected: [parsePrefix("10.96.0.0/12")],
  normalPriority: { 4: 1024, 6: 1024 },
  ignoredInterfaces: [],
};

/** What BIRD's parser says. */
async function judged(inputs: BirdInputs): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), "oct-render-"));
  try {
    const files = { "bird.cfg": renderBird, "bird_aggr.cfg": renderAggr, "bird_ipam.cfg": renderIpam };
    for (const [name, render] of Object.entries(files)) writeFileSync(join(directory, name), render(inputs));
    await run("/usr/sbin/bird", ["-p", "-c", join(directory, "bird.cfg")]);
    return "good";
  } catch (error) {
    return String((error as { stderr?: string }).stderr ?? error);
  } finally {
    rmSync(directory, { recursive: true });
  }
}

describe("BIRD's configuration", () => {
  it("leaves out interfaces that are to be ignored, and knows the normal priority of each family", async () => {
    const rule = { action: "accept", priority: 700 } as const;
    const filter = {
      ...EDGE,
      importV4: { ...EDGE.importV4, rules: [rule] },
      importV6: { ...EDGE.importV6, rules: [rule] },
    };
    const inputs = {
      ...INPUTS,
      filters: [filter],
      normalPriority: { 4: 700, 6: 1024 },
      ignoredInterfaces: ["docker*", "eth9"],
    };
    expect(await judged(inputs)).toBe("good");
    expect(renderBird(inputs)).toContain('interface -"docker*", -"eth9", -"cali*", -"kube-ipvs*", "*";');
    const rules = renderIpam(inputs)
      .split("\n")
      .filter((line) => line.includes("2147482947"));
    expect(rules.map((line) => line.includes("!defined(bgp_local_pref)"))).toEqual([true, false]);
  });

  it("is one that BIRD 2 takes, with everything in it, and with nothing", async () => {
    expect(await judged(INPUTS)).toBe("good");
    const nothing = {
      sessions: [],
      filters: [],
      pools: [],
      advertisements: [],
      blocks: [],
      statics: [],
      reflected: [],
    };
    expect(await judged({ ...INPUTS, ...nothing })).toBe("good");
    expect(await judged({ ...INPUTS, port: 1790, bindTo: "192.168.0.81" })).toBe("good");
  });

  it("has the names and the order of Calico's", () => {
    const text = renderBird(INPUTS);
    const at = (part: string) => text.indexOf(part);
    const parts = [
      'include "bird_aggr.cfg";',
      'include "bird_ipam.cfg";',
      "router id 192.168.0.81;",
      "protocol kernel kernel1 {",
      "protocol device",
      '  interface -"cali*", -"kube-ipvs*", "*";',
      "template bgp bgp_template {",
      "# ------------- Node-to-node mesh -------------",
      "protocol bgp Mesh_192_168_0_80 from bgp_template {",
      "protocol bgp Mesh_192_168_0_82 from bgp_template {",
      "# ------------- Global peers -------------",
      "protocol bgp Global_192_168_0_1 from bgp_template {",
      "# ------------- Node-specific peers -------------",
      "protocol bgp Node_10_9_0_1 from bgp_template {",
    ];
    expect(parts.map(at)).toEqual(parts.map(at).toSorted((a, b) => a - b));
    expect(parts.filter((part) => at(part) < 0)).toEqual([]);
  });

  it("says of a session what was asked for", () => {
    const block = (name: string) => {
      const text = renderBird(INPUTS);
      const start = text.indexOf(`protocol bgp ${name} `);
      return text.slice(start, text.indexOf("\n}\n", start));
    };
    expect(block("Mesh_192_168_0_82")).toContain("  passive on;");
    expect(block("Mesh_192_168_0_80")).not.toContain("passive");
    const tor = block("Global_192_168_0_1");
    for (const line of [
      "  neighbor 192.168.0.1 as 65000;",
      "  source address 192.168.0.81;",
      "  multihop 2;",
      "  ttl security on;",
      '  password "open sesame";',
      "  keepalive time 10;",
      "  allow local as 2;",
      "    next hop keep;",
      "'bgp_edge_importFilterV4'(false); accept;",
      "'bgp_edge_exportFilterV4'(false); calico_export_to_bgp_peers(false); reject;",
    ])
      expect(tor).toContain(line);
    const rr = block("Node_10_9_0_1");
    expect(rr).toContain("  rr client;");
    expect(rr).toContain(`  rr cluster id ${formatAddress(ipv4(0xe0000001))};`);
    // A filter that is not there closes, whatever comes after it.
    expect(rr).toContain("'bgp_edge_importFilterV4'(true); reject; accept;");
    expect(renderAggr(INPUTS)).toContain("route 10.9.0.1/32 via 192.168.0.254;");
    expect(renderAggr(INPUTS)).not.toContain("route 10.245.1.0/32 blackhole");
  });

  it("holds one session for both families with a peer on a link, by its link-local address (RFC 8950)", () => {
    const text = renderBird(INPUTS);
    const [, own = ""] = /protocol bgp Node_eth1 from bgp_template \{\n(.*?)\n\}/s.exec(text) ?? [];
    expect(own).toContain("neighbor fe80::1%'eth1' as 65000;");
    expect(own).toContain("  direct;");
    expect(own).toContain("ttl security on;");
    expect(own).not.toContain("multihop");
    expect(own).toMatch(/ {2}ipv4 \{.*extended next hop on;.* {2}ipv6 \{/s);
  });

  it("leaves to the agent what travels by tunnels", () => {
    const ipam = renderIpam(INPUTS);
    expect(ipam).toContain("if ( net ~ 10.244.0.0/16 ) then { accept; }");
    expect(ipam).toMatch(/if \( net ~ 10\.245\.0\.0\/16 \) then \{\n {4}# IPIP CrossSubnet: .*\n {4}reject;/);
    expect(ipam).toMatch(/if \( net ~ 10\.246\.0\.0\/16 \) then \{\n {4}# VXLAN Always: .*\n {4}reject;/);
  });

  it("calls a filter as Calico does, and what is too long by its hash", () => {
    expect(functionName("only-pods", "exportV4")).toBe("'bgp_only-pods_exportFilterV4'");
    const long = functionName("x".repeat(200), "importV6");
    expect(long.length).toBe(66);
    expect(functionName(`${"x".repeat(199)}y`, "importV6")).not.toBe(long);
  });
});
