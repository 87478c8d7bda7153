import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installNetwork, installPlugin } from "@ocicat/cni/install";
import { afterAll, beforeAll, expect, it } from "vitest";
import { OCICAT, TestLab } from "./support/lab.ts";

const lab = new TestLab();
const NODE = "node2";
/** The node's plugin and network, beside the lab's own. */
const root = mkdtempSync(join(tmpdir(), "ocicat-uninstall-"));
const at = (path: string) => join(root, path);

beforeAll(() => lab.up());
afterAll(async () => {
  rmSync(root, { recursive: true, force: true });
  expect(await lab.down()).toEqual([]);
});

const uninstall = (...options: string[]) =>
  lab.exec(NODE, process.execPath, OCICAT, "uninstall", "--bin-dir", at("bin"), "--net-dir", at("net.d"), ...options);
const out = (...command: [string, ...string[]]) => lab.out(NODE, ...command);

async function look() {
  return {
    rules: await out("nft", "list", "tables"),
    routes: await out("ip", "route"),
    links: await out("ip", "-br", "link"),
  };
}

it("leaves a clean node: nothing of ours, and all that is others'", async () => {
  await installPlugin({ targetDir: at("bin") });
  const template = '{"name":"n","plugins":[{"type":"calico","ipam":{"type":"calico-ipam"}}]}';
  const words = { nodeName: NODE, mtu: 0 };
  await installNetwork({ targetDir: at("net.d"), fileName: "10-calico.conflist", template, words });
  mkdirSync(at("net.d"), { recursive: true });
  writeFileSync(at("net.d/99-loopback.conf"), '{"name":"lo","type":"loopback"}');
  writeFileSync(at("bin/loopback"), "another's");

  // Another BIRD's route, and another's table.
  await out("ip", "route", "add", "172.30.0.0/16", "via", "192.168.0.81", "proto", "bird");
  await out("nft", "add", "table", "inet", "mine");

  const running = await uninstall();
  expect(running).toMatchObject({ code: 1, stdout: "" });
  expect(running.stderr).toContain("an agent runs on this node");
  await lab.lab.kill(`agent-${NODE}`);

  const before = await look();
  expect(before.rules).toContain("ocicat-guard");
  expect(before.routes).toMatch(/^10\.244\..* proto bird/m);
  const withPods = await uninstall("--pool", "10.244.0.0/16");
  expect(withPods).toMatchObject({ code: 1, stdout: "" });
  expect(withPods.stderr).toContain("interfaces of pods are here");
  // A refusal is whole: nothing went.
  expect(await look()).toEqual(before);
  expect(readdirSync(at("bin"))).toContain("calico");

  const done = await uninstall("--pool", "10.244.0.0/16", "--with-pods");
  expect(done).toMatchObject({ code: 0, stderr: "" });
  const { rules, routes, links } = await look();
  expect(rules.trim()).toBe("table inet mine");
  expect(routes).not.toContain("10.244.");
  expect(routes).toContain("172.30.0.0/16 via 192.168.0.81");
  expect(links).not.toMatch(/^(cali|vxlan\.calico|vxlan-v6\.calico|bwcali)/m);
  expect(readdirSync(at("bin"))).toEqual(["loopback"]);
  expect(readdirSync(at("net.d"))).toEqual(["99-loopback.conf"]);

  // And again: there is nothing to do.
  const again = await uninstall("--pool", "10.244.0.0/16");
  expect(again.stdout).toContain("kernel: 0 routes, 0 links and 0 tables removed");
});
