import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { seededRandom } from "@ocicat/kit";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { eventually, OCICAT, type Output, pingCounts } from "./support/lab.ts";
import { OwnMachine } from "./support/own-machine.ts";

const SEED = 20_261_123;

/** Two nodes are enough for a life; the steps are those of the large one. */
const SMALL = `
segments: [lan]
routers: [{ name: gateway, interfaces: [{ segment: lan, address: 192.168.0.1/24 }] }]
nodes:
  - { name: node1, segment: lan, address: 192.168.0.81/24, gateway: 192.168.0.1 }
  - { name: node2, segment: lan, address: 192.168.0.82/24, gateway: 192.168.0.1 }
datastore: node1
pools: [{ name: pool, cidr: 10.99.0.0/16, natOutgoing: true }]
pods: [{ name: pod1, node: node1 }, { name: pod2, node: node2 }]
`;
/** The steps of which `up` tells, each begun before it is killed. */
const STEPS = [
  "laying",
  "node node1",
  "node node2",
  "datastore on",
  "agents on",
  "waiting for",
  "pod pod1",
  "pod pod2",
];

const work = mkdtempSync(join(tmpdir(), "oct-life-"));
const small = join(work, "small.yaml");
writeFileSync(small, SMALL);

let machine: OwnMachine;
let clean: Awaited<ReturnType<OwnMachine["snapshot"]>>;

beforeAll(async () => {
  machine = await OwnMachine.start();
  clean = await machine.snapshot();
});
afterAll(async () => {
  await machine.close();
  rmSync(work, { recursive: true, force: true });
});

async function lab(...args: readonly string[]): Promise<string> {
  const result = await machine.ocicat("lab", ...args);
  if (result.code !== 0) throw new Error(`lab ${args.join(" ")}: ${result.stdout}${result.stderr}`);
  return result.stdout;
}

function inside(where: string, ...command: readonly string[]): Promise<Output> {
  return machine.ocicat("lab", "exec", where, "--", ...command);
}

/** Process numbers by name, as the lab's own book has them, of those that the kernel knows. */
async function pids(name = "ocicat"): Promise<Readonly<Record<string, number>>> {
  const book = JSON.parse(await machine.out("cat", `/run/ocicat-lab/${name}/processes.json`)) as {
    name: string;
    pid: number;
  }[];
  const living = new Set((await machine.out("ps", "-eo", "pid=")).split("\n").map(Number));
  return Object.fromEntries(book.filter((entry) => living.has(entry.pid)).map((entry) => [entry.name, entry.pid]));
}

async function reaches(from: string, to: string, ...lab: readonly string[]): Promise<void> {
  await eventually(
    () => machine.ocicat("lab", "exec", ...lab, from, "--", "ping", "-n", "-c", "1", "-W", "1", to),
    (result) => pingCounts(result.stdout).received === 1,
  );
}

/** Address of a pod, as `list` has it. */
async function addressOf(pod: string, ...args: readonly string[]): Promise<string> {
  const row = (await lab("list", ...args)).split("\n").find((line) => line.startsWith(`${pod} `));
  return row?.trim().split(/\s+/)[3] ?? "";
}

/** Starts a lab command and kills it `ms` after it has told of a step. Resolves to what it had told. */
async function killedAt(step: string, ms: number, ...args: readonly string[]): Promise<string> {
  const { child, ended } = machine.startOcicat("lab", ...args);
  let told = "";
  const reached = new Promise<void>((resolve) => {
    child.stderr?.on("data", (chunk: Buffer) => {
      told += chunk.toString();
      if (told.includes(step)) resolve();
    });
  });
  await Promise.race([reached, ended]);
  await new Promise((resolve) => setTimeout(resolve, ms));
  child.kill("SIGKILL");
  await ended;
  return told;
}

/** Exit code of a lab command that is killed if it takes longer. */
async function endedWithin(ms: number, ...args: readonly string[]): Promise<number> {
  const { child, ended } = machine.startOcicat("lab", ...args);
  const timer = setTimeout(() => child.kill("SIGKILL"), ms);
  const { code } = await ended;
  clearTimeout(timer);
  return code;
}

describe("a lab's life", () => {
  afterEach(async () => {
    await lab("down");
    expect(await machine.snapshot()).toEqual(clean);
  });

  it("up tells of every long step, and its second time does nothing", async () => {
    const first = await machine.ocicat("lab", "up", "-f", small);
    expect(first).toMatchObject({ code: 0, stdout: "The lab is up.\n" });
    for (const step of STEPS) expect(first.stderr).toContain(step);
    const before = { pids: await pids(), snapshot: await machine.snapshot() };
    expect(Object.keys(before.pids).sort()).toEqual(["agent-node1", "agent-node2", "datastore"]);
    const second = await machine.ocicat("lab", "up", "-f", small);
    expect(second).toMatchObject({ code: 0, stderr: "" });
    expect(second.stdout).toContain("already");
    expect({ pids: await pids(), snapshot: await machine.snapshot() }).toEqual(before);
  });

  it("list and status say what is, also when it is not well; up mends what has ended and nothing else", async () => {
    await lab("up", "-f", small);
    const list = await lab("list");
    for (const [place, address] of [...list.matchAll(/^(node\d|gateway|pod\d) .* (\S+) *$/gm)].map((m) => [
      m[1],
      m[2],
    ])) {
      expect((await inside(place ?? "", "ip", "-4", "-o", "address")).stdout).toContain(` ${address}/`);
    }
    expect(list.trim().split("\n")).toHaveLength(1 + 2 + 1 + 2);
    expect(await machine.ocicat("lab", "status")).toMatchObject({ code: 0 });

    const before = await pids();
    await machine.out("kill", "-9", String(before["agent-node2"]));
    const unwell = await machine.ocicat("lab", "status");
    expect(unwell.code).toBe(1);
    expect(unwell.stdout).toMatch(/^agent-node2 +down +\S/m);
    expect(unwell.stdout).toMatch(/^agent-node1 +ready *$/m);

    const mending = await machine.ocicat("lab", "up", "-f", small);
    expect(mending).toMatchObject({ code: 0 });
    expect(mending.stderr).toContain("agent-node2 has ended: starting it again");
    const after = await pids();
    expect(after).toEqual({ ...before, "agent-node2": after["agent-node2"] });
    expect(after["agent-node2"]).toBeDefined();
    expect(await machine.ocicat("lab", "status")).toMatchObject({ code: 0 });
  });

  it("down ends whoever runs inside: in a pod, in a node, in a namespace that was made there", async () => {
    await lab("up", "-f", small);
    const running = [
      machine.startOcicat("lab", "exec", "pod1", "--", "sleep", "1000"),
      machine.startOcicat("lab", "exec", "node1", "--", "sh", "-c", "sleep 1000 & sleep 1000"),
      machine.startOcicat("lab", "exec", "node2", "--", "unshare", "--net", "sleep", "1000"),
      machine.startOcicat("lab", "exec", "gateway", "--", "sleep", "1000"),
    ];
    await eventually(
      () => machine.out("ps", "-eo", "comm="),
      // The machine's own is the sixth.
      (text) => text.split("\n").filter((line) => line.trim() === "sleep").length === 6,
    );
    await lab("down");
    for (const { ended } of running) expect((await ended).code).not.toBe(0);
    expect(await machine.snapshot()).toEqual(clean);
  });

  it("a pod is run, listed, reached and removed; what runs in it ends, and its address is free again", async () => {
    await lab("up", "-f", small);
    const told = await lab("run", "web", "--node", "node1");
    const address = await addressOf("web");
    expect(told).toContain(address);
    await reaches("pod2", address);
    const { child, ended } = machine.startOcicat("lab", "exec", "web", "--", "sh", "-c", "echo in; sleep 1000");
    await new Promise<void>((resolve) => child.stdout?.once("data", () => resolve()));
    const links = (await inside("node1", "ip", "-o", "link")).stdout.split("\n").length;
    await lab("rm", "web");
    expect((await ended).code).toBe(137);
    expect(await addressOf("web")).toBe("");
    expect((await inside("node1", "ip", "-o", "link")).stdout.split("\n").length).toBe(links - 1);
    expect((await inside("node1", "ip", "route")).stdout).not.toContain(`${address} `);
    expect((await machine.ocicat("get", "workloadendpoints", "-A")).stdout).not.toContain("web");
  });

  it("a command is run where it is asked for, and its exit code handed on", async () => {
    await lab("up", "-f", small);
    expect(await inside("node1", "sh", "-c", "pwd; exit 7")).toEqual({
      code: 7,
      stdout: `${process.cwd()}\n`,
      stderr: "",
    });
    expect(await inside("pod1", "no-such-program")).toMatchObject({
      code: 127,
      stderr: expect.stringContaining("no-such-program") as string,
    });
    // A directory that the machine has and a node has not.
    const script = `mkdir -p /run/here && cd /run/here && exec ${process.execPath} ${OCICAT} lab exec node1 -- pwd`;
    expect(await machine.run("sh", "-c", script)).toMatchObject({ code: 0, stdout: "/\n" });
    await machine.out("rmdir", "/run/here");
  });

  it("another topology under the same name, and a second command at the same time, are refused", async () => {
    const [one, two] = await Promise.all([
      machine.ocicat("lab", "up", "-f", small),
      machine.ocicat("lab", "up", "-f", small),
    ]);
    expect([one.code, two.code].sort()).toEqual([0, 1]);
    expect(one.stderr + two.stderr).toMatch(/lab ocicat: another command is bringing it up.*wait until that has ended/);
    const before = await pids();
    const other = await machine.ocicat("lab", "up");
    expect(other.code).toBe(1);
    expect(other.stderr).toMatch(/is up with another topology; take it down first/);
    expect(await pids()).toEqual(before);
  });
});

describe("a lab whose maker is killed half-way", () => {
  const random = seededRandom(SEED);

  it.each(STEPS)('is taken away whole by down: killed in "%s…"', async (step) => {
    const told = await killedAt(step, random.uint32() % 60, "up", "-f", small);
    expect(told).toContain(step);
    expect(await machine.snapshot()).not.toEqual(clean);
    await lab("down");
    expect(await machine.snapshot()).toEqual(clean);
  });

  it("comes up when it is asked again", async () => {
    await killedAt("agents on", random.uint32() % 200, "up", "-f", small);
    const again = await machine.ocicat("lab", "up", "-f", small);
    expect(again).toMatchObject({ code: 0, stdout: "The lab is up.\n" });
    expect(again.stderr).toContain("clearing what a half-made lab left behind");
    await reaches("pod1", await addressOf("pod2"));
  });

  it("is taken away by a further down when those before were killed too", async () => {
    await lab("up", "-f", small);
    // Later and later, until one has come to its end: so that every part of the way is one of the last.
    let kills = 0;
    for (let ms = 80; (await endedWithin(ms, "down")) !== 0; ms += 10) kills += 1;
    expect(kills).toBeGreaterThan(2);
    expect(await machine.snapshot()).toEqual(clean);
  });
});

describe("two labs on one machine", () => {
  it("of the same topology do not meet, and one's end is not the other's", async () => {
    await Promise.all([lab("up", "--name", "one", "-f", small), lab("up", "--name", "two", "-f", small)]);
    const address = await addressOf("pod2", "--name", "two");
    await reaches("pod1", address, "--name", "two");
    await reaches("pod1", await addressOf("pod2", "--name", "one"), "--name", "one");
    const before = await pids("two");
    // A pod more in one of them is none in the other.
    await lab("run", "--name", "one", "extra");
    expect(await lab("list", "--name", "two")).not.toContain("extra");
    await lab("down", "--name", "one");
    expect(await pids("two")).toEqual(before);
    expect(await machine.ocicat("lab", "status", "--name", "two")).toMatchObject({ code: 0 });
    await reaches("pod1", address, "--name", "two");
    await lab("down", "--name", "two");
    expect(await machine.snapshot()).toEqual(clean);
  });
});

describe("a name or place that is none", () => {
  it.each<[string, readonly string[], RegExp]>([
    ["a lab above its directory, to make", ["up", "--name", "../etc"], /"\.\.\/etc" is not a lab's name; use up to 32/],
    ["a lab above its directory, to remove", ["down", "--name", ".."], /"\.\." is not a lab's name; use up to 32/],
    ["a lab that is not up", ["status", "--name", "nope"], /no lab "nope" runs on this machine; start one/],
    ["a pod where no lab is", ["run", "web"], /no lab "ocicat" runs on this machine/],
    ["a topology that is not there", ["up", "-f", "/nowhere.yaml"], /\/nowhere\.yaml: cannot be read \(ENOENT/],
  ])("%s is refused, and nothing is touched", async (_what, args, message) => {
    const result = await machine.ocicat("lab", ...args);
    expect(result.code).toBe(1);
    expect(result.stderr.trimEnd().split("\n")).toEqual([expect.stringMatching(message)]);
    expect(await machine.snapshot()).toEqual(clean);
  });

  it("is refused in a running lab too, and nothing is touched", async () => {
    await lab("up", "-f", small);
    const before = await machine.snapshot();
    const cases: readonly (readonly [readonly string[], RegExp])[] = [
      [["run", "Bad_Name"], /"Bad_Name" is not a name; use up to 63/],
      [["run", "node1"], /there is a "node1" already/],
      [["run", "pod1"], /there is a "pod1" already/],
      [["run", "web", "--node", "node9"], /there is no node node9; use one of node1, node2/],
      [["run", "web", "-n", "Bad/Namespace"], /"Bad\/Namespace" is not a namespace's name/],
      [["rm", "web"], /there is no pod web; use one of pod1, pod2/],
      [["exec", "nowhere", "--", "true"], /there is no "nowhere"; use one of node1, node2, gateway, pod1, pod2/],
      [["node", "add", "node3", "--address", "192.168.0.81/24"], /192\.168\.0\.81 is also node/],
      [["node", "add", "node3", "--address", "192.168.0.83"], /is not address\/length; write it like/],
      [["node", "add", "pod1", "--address", "192.168.0.83/24"], /there is a "pod1" already/],
      [["node", "rm", "node9"], /there is no node node9/],
      [["node", "rm", "node1"], /node1 serves the datastore; take the whole lab down/],
    ];
    for (const [args, message] of cases) {
      const result = await machine.ocicat("lab", ...args);
      expect(result.code, args.join(" ")).toBe(1);
      expect(result.stderr.trimEnd().split("\n")).toEqual([expect.stringMatching(message)]);
    }
    const { files: _before, ...rest } = before;
    const { files: _after, ...restAfter } = await machine.snapshot();
    expect(restAfter).toEqual(rest);
    await lab("down");
    expect(await machine.snapshot()).toEqual(clean);
  }, 120_000);
});

it("goes down on a machine whose first `ip netns` came after it, and leaves that one's namespace alone", async () => {
  await lab("up", "-f", small);
  await machine.out("ip", "netns", "add", "octmine");
  await lab("down");
  expect(await machine.out("ip", "netns", "list")).toBe("octmine\n");
  await machine.out("ip", "netns", "exec", "octmine", "true");
  await machine.out("ip", "netns", "delete", "octmine");
  await lab("up", "-f", small);
  await lab("down");
  expect(await machine.snapshot()).toEqual(clean);
}, 60_000);
