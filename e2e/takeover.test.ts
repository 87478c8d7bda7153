import { spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { calicoRules } from "./support/calico-rules.ts";
import { collect, eventually, OCICAT, pingCounts, TestLab } from "./support/lab.ts";
import { SteadyPing } from "./support/steady-ping.ts";
import { runAsKubelet } from "./support/stubborn.ts";

const lab = new TestLab();
const NODE = "node1";
const POD = "pod1";

beforeAll(() => lab.up());
afterAll(async () => {
  expect(await lab.down()).toEqual([]);
});

const sh = (script: string) => lab.out(NODE, "sh", "-ec", script);

/** What ends an agent as Calico's node ends, and makes the node's kernel what Felix and BIRD leave: their rules for ours. */
async function leaveAsCalico(): Promise<void> {
  await lab.lab.kill(`agent-${NODE}`);
  const known = (await sh("ls /sys/class/net | grep ^cali")).trim().split("\n");
  await sh(calicoRules(known));
}

/** The node's agent, started as the manifest starts it where a node is taken over. */
function startTakingOver(environment: NodeJS.ProcessEnv) {
  return lab.lab.spawn(NODE, [process.execPath, OCICAT, "agent"], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...environment, OCICAT_TAKE_OVER: "calico" },
  });
}

function environmentOf(pid: number): NodeJS.ProcessEnv {
  const entries = readFileSync(`/proc/${pid}/environ`, "utf8")
    .split("\0")
    .filter((entry) => entry !== "");
  return Object.fromEntries(
    entries.map((entry) => [entry.split("=", 1)[0] ?? "", entry.slice(entry.indexOf("=") + 1)]),
  );
}

describe("a node that Calico leaves", () => {
  it("is taken over with its pods running: no ping is lost, Calico's rules go, nobody else's do", async () => {
    const environment = environmentOf(lab.pid(`agent-${NODE}`));
    const pings = [new SteadyPing(lab, POD, lab.address("pod2")), new SteadyPing(lab, "pod0", lab.address(POD))];
    for (const ping of pings) await ping.answered(20);

    await leaveAsCalico();
    for (const ping of pings) await ping.answered(20);
    expect(await sh("iptables-save | grep -c cali")).not.toBe("0\n");

    const agent = startTakingOver(environment);
    const ended = collect(agent);
    try {
      await eventually(
        () => lab.exec(NODE, "curl", "-s", "-f", "http://127.0.0.1:9099/readiness"),
        ({ code }) => code === 0,
      );
      for (const ping of pings) await ping.answered(50);
      const reports = await Promise.all(pings.map((ping) => ping.stop()));
      for (const { missing } of reports) expect(missing).toEqual([]);

      expect(await sh("nft list tables")).not.toMatch(/ calico$/m);
      expect(await sh("nft list tables")).toMatch(/inet mine/);
      expect(await sh("iptables-save; iptables-save -t nat")).not.toContain("cali");
      expect(await sh("iptables-save")).toContain("-A FORWARD -j DOCKER-USER");

      // A pod that comes now would have been unknown to Felix's rules, and cut off.
      await runAsKubelet(lab, "late", NODE);
      const { stdout } = await lab.exec("late", "ping", "-c", "3", "-i", "0.1", "-W", "1", lab.address("pod2"));
      expect(pingCounts(stdout)).toEqual({ sent: 3, received: 3 });
    } finally {
      agent.kill("SIGTERM");
      await ended;
      await lab.lab.restartAgent(NODE);
    }
  });

  it("is not begun where Calico's rules are in iptables' old interface: the agent says so and writes nothing", async () => {
    const environment = environmentOf(lab.pid(`agent-${NODE}`));
    await lab.lab.kill(`agent-${NODE}`);
    await sh("iptables-legacy -N cali-FORWARD");
    try {
      const { code, stderr } = await collect(startTakingOver(environment));
      expect(code).toBe(1);
      expect(stderr).toContain("iptables' old interface (filter cali-FORWARD)");
    } finally {
      await sh("iptables-legacy -X cali-FORWARD");
      await lab.lab.restartAgent(NODE);
    }
  });
});

describe("install on a node of Calico's", () => {
  const root = mkdtempSync(join(tmpdir(), "ocicat-takeover-"));
  afterAll(() => rmSync(root, { recursive: true, force: true }));

  const install = (takeOver: string) =>
    collect(
      spawn(process.execPath, [OCICAT, "install", "--root", root], {
        env: {
          PATH: process.env["PATH"],
          OCICAT_TAKE_OVER: takeOver,
          CNI_NETWORK_CONFIG: '{"name":"k8s-pod-network","plugins":[{"type":"calico","ipam":{"type":"calico-ipam"}}]}',
        },
      }),
    );

  it("stops at Calico's plugin, unless it is told to take over; then Calico's credentials go too", async () => {
    const at = (path: string) => join(root, path);
    for (const path of ["opt/cni/bin", "etc/cni/net.d"]) mkdirSync(at(path), { recursive: true });
    writeFileSync(at("opt/cni/bin/calico"), "Calico's");
    writeFileSync(at("etc/cni/net.d/10-calico.conflist"), "Calico's");
    writeFileSync(at("etc/cni/net.d/calico-kubeconfig"), "a token");
    const refused = await install("none");
    expect(refused.code).toBe(1);
    expect(refused.stderr).toContain("OCICAT_TAKE_OVER=calico");
    for (const path of ["opt/cni/bin/calico", "etc/cni/net.d/10-calico.conflist"]) {
      expect(readFileSync(at(path), "utf8")).toBe("Calico's");
    }

    expect(await install("calico")).toMatchObject({ code: 0, stderr: "" });
    expect(readFileSync(at("opt/cni/bin/calico"), "latin1")).toContain("ocicat-cni");
    expect(readFileSync(at("etc/cni/net.d/10-calico.conflist"), "utf8")).toContain("calico-ipam");
    expect(existsSync(at("etc/cni/net.d/calico-kubeconfig"))).toBe(false);
  });
});
