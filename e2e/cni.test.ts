import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { parseNetworkList } from "@ocicat/cni/runtime";
import { seededRandom } from "@ocicat/kit";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { allocations } from "./support/datastore.ts";
import { type Everything, everything, expectAgain as expectSame } from "./support/everything.ts";
import { eventually, pingCounts, TestLab } from "./support/lab.ts";
import { type Attachment, NodeCni } from "./support/node-cni.ts";

const SEED = 20_261_124;
/** The walk-throughs' own configuration: of types calico and calico-ipam, for Kubernetes, with keys that are not ours. */
const CALICO = createRequire(import.meta.url).resolve("@ocicat/cni/examples/10-calico.conflist");

const lab = new TestLab();
const node1 = new NodeCni(lab, "node1");

beforeAll(() => lab.up());
afterAll(async () => {
  expect(await lab.down()).toEqual([]);
});

const look = () => everything(node1, lab.store);
const expectAgain = (before: Everything, when?: string) => expectSame(look, before, when);

let containers = 0;
/** A container of a pod of its own. */
async function container(): Promise<Attachment & { readonly pod: string }> {
  containers += 1;
  const pod = `c${containers}`;
  return {
    pod,
    containerId: `c0ffee${containers}`,
    netns: await node1.namespace(),
    args: `IgnoreUnknown=1;K8S_POD_NAMESPACE=default;K8S_POD_NAME=${pod};K8S_POD_INFRA_CONTAINER_ID=c0ffee${containers}`,
  };
}

async function reached(from: string, address: string): Promise<void> {
  await eventually(
    () => lab.exec(from, "ping", "-n", "-c", "1", "-W", "1", address),
    (result) => pingCounts(result.stdout).received === 1,
  );
}

describe("Debian's portmap and bandwidth behind our plugin", () => {
  const SERVE = `require("http").createServer((q, r) => r.end("hello\\n")).listen(80, () => console.log("up"))`;

  it("make a pod's port reachable on its node, from outside and from other pods, and no longer once it is gone", async () => {
    const before = await look();
    await lab.lab.run("web", "default", "node1", {
      ports: [{ hostPort: 8080, containerPort: 80, protocol: "tcp" }],
    });
    const server = lab.start("web", process.execPath, "-e", SERVE);
    await new Promise<void>((resolve) => server.child.stdout?.once("data", () => resolve()));
    const ask = (from: string) => lab.exec(from, "curl", "-s", "-m", "2", "http://192.168.0.81:8080/");
    for (const from of ["internet", "master", "pod2", "pod1"]) {
      expect(await ask(from), from).toMatchObject({ code: 0, stdout: "hello\n" });
    }
    await lab.lab.pods().remove("web");
    await server.ended;
    expect((await ask("internet")).code).not.toBe(0);
    await expectAgain(before);
  });

  it("limit a pod's rate in both directions, as tc has it, and leave no limit behind", async () => {
    const before = await look();
    await lab.lab.run("slow", "default", "node1", { bandwidth: { ingress: 4_000_000, egress: 2_000_000 } });
    const route = await lab.out("node1", "ip", "route", "show", lab.address("slow"));
    const host = / dev (\S+)/.exec(route)?.[1] ?? "";
    const qdiscs = JSON.parse(await lab.out("node1", "tc", "-j", "qdisc", "show")) as {
      kind: string;
      dev: string;
      options: { rate?: number };
    }[];
    const limits = qdiscs.filter((qdisc) => qdisc.kind === "tbf");
    // tc counts bytes. What leaves the pod enters the node, where only a detour through an ifb can be shaped.
    expect(limits.find((limit) => limit.dev === host)?.options.rate).toBe(4_000_000 / 8);
    expect(limits.filter((limit) => limit.dev !== host).map((limit) => limit.options.rate)).toEqual([2_000_000 / 8]);
    await reached("pod2", lab.address("slow"));
    await lab.lab.pods().remove("slow");
    await expectAgain(before);
  });

  it("are undone with ours when one of them refuses", async () => {
    const before = await look();
    const attachment = await container();
    const list = parseNetworkList(
      JSON.stringify({
        cniVersion: "1.0.0",
        name: "ocicat",
        plugins: [
          { type: "ocicat", ipam: { type: "ocicat-ipam" } },
          { type: "portmap", snat: true, capabilities: { portMappings: true } },
        ],
      }),
      "test",
    );
    const portMappings = [{ hostPort: 8081, containerPort: 80, protocol: "carrier-pigeon" }];
    const { containerId, netns } = attachment;
    const adding = node1
      .runtime()
      .addNetworkList(list, { containerId, netns, ifname: "eth0", capabilityArgs: { portMappings } });
    await expect(adding).rejects.toThrow(/ADD of plugin portmap/);
    await expectAgain(before);
  });
});

describe("ADD", () => {
  it("a second time gives the same address and makes nothing", async () => {
    const attachment = await container();
    const first = await node1.exec("ADD", attachment);
    const before = await look();
    const second = await node1.exec("ADD", attachment);
    expect(second).toEqual(first);
    await expectAgain(before);
    const inside = await lab.out("node1", "ip", "-n", attachment.netns.slice("/run/netns/".length), "-o", "link");
    expect(
      inside
        .trim()
        .split("\n")
        .map((line) => line.split(":")[1]?.trim().split("@")[0]),
    ).toEqual(["lo", "eth0"]);
    await node1.del(attachment);
  });

  it("that fails half-way takes back what it made, and touches nothing else", async () => {
    const attachment = await container();
    const name = attachment.netns.slice("/run/netns/".length);
    await lab.out("node1", "ip", "-n", name, "link", "add", "eth0", "type", "bridge");
    const before = { ...(await look()), inside: await lab.out("node1", "ip", "-n", name, "-o", "link") };
    const { code, stdout } = await node1.exec("ADD", attachment);
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({ cniVersion: "1.0.0", msg: expect.stringContaining("eth0") as string });
    expect({ ...(await look()), inside: await lab.out("node1", "ip", "-n", name, "-o", "link") }).toEqual(before);
    // With the obstacle gone the same container gets what it asks for.
    await lab.out("node1", "ip", "-n", name, "link", "del", "eth0");
    await reached("pod2", await node1.add(attachment));
    await node1.del(attachment);
  });

  it("works eight at once, each with an address of its own; and so does DEL", async () => {
    const before = await look();
    const attachments = await Promise.all(Array.from({ length: 8 }, () => container()));
    const addresses = await Promise.all(attachments.map((attachment) => node1.add(attachment)));
    expect(new Set(addresses).size).toBe(8);
    const held = await allocations(lab.store);
    for (const address of addresses) {
      expect(held.has(address)).toBe(true);
      await reached("pod2", address);
    }
    await Promise.all(attachments.map((attachment) => node1.del(attachment)));
    await expectAgain(before);
  });
});

describe("DEL", () => {
  it("of what never was, of what is gone, and without a namespace, succeeds and changes nothing", async () => {
    const attachment = await container();
    const before = await look();
    await node1.del(attachment);
    await expectAgain(before);
    await node1.add(attachment);
    await lab.out("node1", "ip", "netns", "del", attachment.netns.slice("/run/netns/".length));
    for (const netns of [attachment.netns, "", "/run/netns/never"]) await node1.del({ ...attachment, netns });
    await expectAgain(before);
  });

  it("of a sandbox whose pod has another one by now leaves that one alone", async () => {
    const old = await container();
    await node1.add(old);
    const young = { ...old, containerId: "decaf", netns: await node1.namespace() };
    const address = await node1.add(young);
    const before = await look();
    await node1.del(old);
    await reached("pod2", address);
    const { allocations: held, problems, kernel } = await look();
    expect(kernel.links).toEqual(before.kernel.links);
    expect([...held.values()].filter((handle) => handle.endsWith(old.containerId))).toEqual([]);
    expect(problems).toEqual([]);
    await node1.del(young);
  });
});

describe("an agent that is killed in the middle of a request", () => {
  const random = seededRandom(SEED);

  it("leaves nothing that DEL does not find once it runs again", async () => {
    const before = await look();
    const whole = await durationOfAdd();
    let interrupted = 0;
    for (let round = 0; round < 10; round++) {
      const attachment = await container();
      const adding = node1.exec("ADD", attachment);
      await new Promise((resolve) => setTimeout(resolve, (whole * round) / 10));
      await lab.lab.kill("agent-node1");
      const { code } = await adding;
      if (code !== 0) interrupted += 1;
      await lab.lab.restartAgent("node1");
      await node1.del(attachment);
      await expectAgain(before, `round ${round}`);
    }
    expect(interrupted).toBeGreaterThan(0);
  });

  /** Milliseconds of an ADD that nobody disturbs: the kills are spread over as long. */
  async function durationOfAdd(): Promise<number> {
    const attachment = await container();
    const started = performance.now();
    await node1.add(attachment);
    const duration = performance.now() - started;
    await node1.del(attachment);
    return duration;
  }

  it("ends what it had begun to delete when it is asked again", async () => {
    const before = await look();
    for (let round = 0; round < 3; round++) {
      const attachment = await container();
      await node1.add(attachment);
      const deleting = node1.exec("DEL", attachment);
      await new Promise((resolve) => setTimeout(resolve, random.uint32() % 15));
      await lab.lab.kill("agent-node1");
      await deleting;
      await lab.lab.restartAgent("node1");
      await node1.del(attachment);
      await expectAgain(before, `round ${round}`);
    }
  });
});

describe("a pod whose ADD failed and could not be undone", () => {
  it("stays in the lab's book until it can be removed, and leaves nothing then", async () => {
    const before = await look();
    await lab.lab.kill("agent-node1");
    await expect(lab.lab.run("stuck", "default", "node1")).rejects.toThrow(/then ocicat lab rm stuck/);
    expect(lab.lab.pods().find("stuck")?.addresses).toEqual([]);
    await expect(lab.lab.pods().remove("stuck")).rejects.toThrow(/DEL of plugin ocicat/);
    await lab.lab.restartAgent("node1");
    await lab.lab.pods().remove("stuck");
    expect(lab.lab.pods().find("stuck")).toBeUndefined();
    await expectAgain(before);
  });
});

describe("the walk-throughs' own 10-calico.conflist", () => {
  it("works as it is: types calico and calico-ipam, CNI 0.3.1, another datastore's keys", async () => {
    const before = await look();
    await lab.out(
      "node1",
      "sh",
      "-c",
      `cat > /etc/cni/net.d/10-calico.conflist << 'EOF'\n${readFileSync(CALICO, "utf8")}EOF`,
    );
    const pod = await lab.lab.run("seed", "default", "node1");
    expect(pod.conflist).toBe("10-calico.conflist");
    await reached("pod2", lab.address("seed"));
    await lab.lab.pods().remove("seed");
    await lab.out("node1", "rm", "/etc/cni/net.d/10-calico.conflist");
    // A network's profile stays, as Calico's plugin leaves it: another of its pods may be there by now.
    const profile = "/calico/resources/v3/projectcalico.org/profiles/k8s-pod-network";
    await expectAgain({ ...before, keys: [...before.keys, profile].sort() });
  });
});
