import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { eventually, pingCounts } from "./support/lab.ts";
import { OwnMachine } from "./support/own-machine.ts";

/** The walk-through's pods. */
const [HERE, THERE] = ["busybox-deployment-8c7dc8548-x6ljh", "busybox-deployment-8c7dc8548-btnkv"] as const;
const UP_MS = 120_000;

// Each command starts Node twice, once where system calls are several times slower.
vi.setConfig({ testTimeout: UP_MS });

let host: OwnMachine;
let clean: Awaited<ReturnType<OwnMachine["snapshot"]>>;

beforeAll(async () => {
  host = await OwnMachine.start();
  clean = await host.snapshot();
});
afterAll(() => host.close());

async function ok(...args: readonly string[]): Promise<string> {
  const result = await host.ocicat(...args);
  expect(result, args.join(" ")).toMatchObject({ code: 0 });
  return result.stdout;
}

async function processes(pattern: string): Promise<number[]> {
  const { stdout } = await host.run("pgrep", "-f", pattern);
  return stdout.split("\n").filter(Boolean).map(Number);
}

describe("a lab in a machine of its own", () => {
  beforeAll(async () => {
    const { code, stderr, stdout } = await host.ocicat("lab", "up", "--scenario", "ipip", "--in-uml");
    expect({ code, stdout, stderr }).toMatchObject({ code: 0, stdout: "The lab is up.\n" });
    expect(stderr).toMatch(/a machine in user mode.*\n.*laying 2 segments/);
  }, UP_MS);

  it("is listed, well, and up already", async () => {
    const list = await ok("lab", "list");
    expect(list).toMatch(/controlplane +node +lan +172\.17\.0\.32/);
    expect(list).toMatch(new RegExp(`${THERE} +pod +node01 +192\\.168\\.`));
    expect(await ok("lab", "status")).toMatch(/datastore +running[\s\S]*agent-node01 +ready/);
    expect(await ok("lab", "up", "--scenario", "ipip", "--in-uml")).toBe("The lab is up already: nothing to do.\n");
    expect(await ok("lab", "up", "--scenario", "ipip")).toBe("The lab is up already: nothing to do.\n");
  });

  it("carries pods' packets in IPIP", async () => {
    expect(await ok("lab", "exec", "controlplane", "--", "ip", "route")).toMatch(
      /192\.168\.\d+\.\d+\/26 via 172\.17\.0\.40 dev tunl0 proto bird onlink/,
    );
    const ping = await ok("lab", "exec", HERE, "--", "ping", "-c", "3", "-i", "0.2", await addressOf(THERE));
    expect(pingCounts(ping)).toEqual({ sent: 3, received: 3 });
  });

  it("is what get, node status and routes why are about", async () => {
    expect(await ok("get", "ippool", "-o", "wide")).toMatch(
      /default-ipv4-ippool +192\.168\.0\.0\/16 +true +Always +Never/,
    );
    expect(await ok("node", "status", "--node", "controlplane")).toMatch(/172\.17\.0\.40 +\| node-to-node mesh \| up/);
    expect(await ok("routes", "why", await addressOf(THERE), "--node", "controlplane")).toContain("tunl0");
    expect(await ok("doctor")).toContain("Nothing was found on controlplane, node01.");
  });

  it("reads files and standard input of the host, and writes its files", async () => {
    const file = join(tmpdir(), `oct-in-uml-${process.pid}.yaml`);
    const capture = join(tmpdir(), `oct-in-uml-${process.pid}.pcap`);
    try {
      const yaml = await ok("get", "ippool", "default-ipv4-ippool", "-o", "yaml");
      writeFileSync(file, yaml.replace("natOutgoing: true", "natOutgoing: false"));
      expect(await ok("apply", "-f", file)).toBe("Successfully applied 1 'IPPool' resource(s)\n");
      const back = await host.shell(`"$NODE" "$OCICAT" apply -f - < ${file}`);
      expect(back).toMatchObject({ code: 0, stdout: "Successfully applied 1 'IPPool' resource(s)\n" });
      expect(await ok("get", "ippool", "-o", "wide")).toMatch(/192\.168\.0\.0\/16 +false/);
      const there = await addressOf(THERE);
      const capturing = host.startOcicat("lab", "capture", "node01", "tunl0", "-c", "2", "-w", capture);
      await eventually(
        () => host.ocicat("lab", "exec", HERE, "--", "ping", "-c", "1", "-W", "1", there),
        () => capturing.child.exitCode !== null,
        30_000,
      );
      expect(readFileSync(capture).length).toBeGreaterThan(24);
    } finally {
      rmSync(file, { force: true });
      rmSync(capture, { force: true });
    }
  });

  it("hands on input, both outputs, the exit status and the directory", async () => {
    const line = `cd /usr/share && printf 'one\\ntwo' | "$NODE" "$OCICAT" lab exec node01 -- sh -c 'pwd; cat; echo aside >&2; exit 7'`;
    expect(await host.shell(line)).toEqual({ code: 7, stdout: "/usr/share\none\ntwo", stderr: "aside\n" });
  });

  it("hands on more than any buffer holds, both ways, unchanged", async () => {
    const line = `seq 1 100000 >/run/sent; "$NODE" "$OCICAT" lab exec node01 -- cat </run/sent | cmp - /run/sent && rm /run/sent`;
    expect(await host.shell(line)).toEqual({ code: 0, stdout: "", stderr: "" });
  });

  it("ends a command whose reader has seen enough", async () => {
    const line = `seq 1 100000 | "$NODE" "$OCICAT" lab exec node01 -- cat | head -n 1`;
    expect(await host.shell(line)).toMatchObject({ code: 0, stdout: "1\n" });
  });

  it("hands on a signal, and a caller's sudden end, to all of a command", async () => {
    const sleeps = async () =>
      (await ok("lab", "exec", "node01", "--", "ps", "-eo", "args="))
        .split("\n")
        .filter((line) => line === "sleep 4711");
    for (const signal of ["SIGINT", "SIGKILL"] as const) {
      const { child, ended } = host.startOcicat("lab", "exec", "node01", "--", "sleep", "4711");
      await eventually(sleeps, (found) => found.length === 1);
      child.kill(signal);
      const { code } = await ended;
      if (signal === "SIGINT") expect(code).toBe(130);
      await eventually(sleeps, (found) => found.length === 0);
    }
  });

  it("gives a command a terminal where there is one", async () => {
    const line = `script -qec "stty cols 123 rows 45; $NODE $OCICAT lab exec node01 -- sh -c 'tty; stty size'" /dev/null`;
    const { stdout } = await host.shell(line);
    expect(stdout.replaceAll("\r", "")).toMatch(/\/dev\/pts\/\d+\n45 123\n$/);
  });

  it("takes no commands but root's", async () => {
    expect(await host.out("stat", "-c", "%a %U", "/run/ocicat-lab/ocicat/machine.sock")).toBe("600 root\n");
  });

  it("is taken down, and nothing of it stays", async () => {
    expect(await ok("lab", "down")).toBe("The lab is down.\n");
    expect(await host.snapshot()).toEqual(clean);
  });
});

describe("a machine that comes to harm", () => {
  afterEach(() => ok("lab", "down"));

  it.each([
    ["its gateway is killed", "serve-gateway", /the machine that the lab is in has ended.*ocicat lab down/],
    ["its kernel is killed", "rootfstype=hostfs", /no lab "ocicat" runs on this machine; start one: ocicat lab up/],
  ])(
    "%s: no process is left, commands say so, and down clears up",
    async (_what, pattern, words) => {
      await ok("lab", "up", "--scenario", "ipip", "--in-uml");
      const [victim] = await processes(pattern);
      await host.out("kill", "-9", `${victim}`);
      await eventually(
        () => processes("serve-gateway|rootfstype=hostfs"),
        (left) => left.length === 0,
      );
      const { code, stderr } = await host.ocicat("lab", "list");
      expect({ code, stderr }).toMatchObject({ code: 1, stderr: expect.stringMatching(words) });
      await ok("lab", "down");
      expect(await host.snapshot()).toEqual(clean);
    },
    UP_MS,
  );

  it(
    "is gone again when the lab in it cannot be made",
    async () => {
      const file = join(tmpdir(), `oct-in-uml-${process.pid}.yaml`);
      // No kernel takes its subnet's broadcast address for a gateway.
      const node = "{ name: a, segment: lan, address: 10.0.0.1/24, gateway: 10.0.0.255 }";
      writeFileSync(file, `segments: [lan]\nnodes: [${node}]\ndatastore: a\n`);
      try {
        const { code, stderr } = await host.ocicat("lab", "up", "--in-uml", "-f", file);
        expect({ code, stderr }).toMatchObject({
          code: 1,
          stderr: expect.stringContaining("setting ens33 up failed"),
        });
        expect(await host.snapshot()).toEqual(clean);
      } finally {
        rmSync(file, { force: true });
      }
    },
    UP_MS,
  );
});

it("a network that is none boots no machine", async () => {
  const { code, stderr } = await host.ocicat("lab", "up", "--in-uml", "-f", "/dev/null");
  expect({ code, stderr }).toEqual({ code: 1, stderr: "ocicat: /dev/null: must be a mapping\n" });
  const pools = join(tmpdir(), `oct-in-uml-${process.pid}.yaml`);
  const node = "{ name: a, segment: lan, address: 10.0.0.1/24 }";
  writeFileSync(pools, `segments: [lan]\nnodes: [${node}]\ndatastore: a\npools: [{ name: p, cidr: 10.0.0.0/33 }]\n`);
  try {
    const refused = await host.ocicat("lab", "up", "--in-uml", "-f", pools);
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringMatching(/^ocicat: pools\[0\].*spec\.cidr/) });
  } finally {
    rmSync(pools, { force: true });
  }
  expect(await host.snapshot()).toEqual(clean);
});

describe("a tunnel by hand", () => {
  it(
    "is told step by step, works, and is taken down",
    async () => {
      const { code, stderr } = await host.ocicat("lab", "up", "--scenario", "tunnel-by-hand", "--in-uml");
      expect({ code, stderr }).toMatchObject({ code: 0 });
      const steps = stderr.split("\n").flatMap((line) => /^ocicat: \$ (.*)/.exec(line)?.[1] ?? []);
      expect(steps.slice(0, 4)).toEqual([
        "echo 1 > /proc/sys/net/ipv4/ip_forward",
        "ip netns add ns1",
        "ip netns add ns2",
        "ip link add v1 type veth peer name v1_p",
      ]);
      expect(steps).toContain("ip netns exec ns1 ip tunnel add tunl1 mode ipip remote 10.10.20.1 local 10.10.10.1");
      expect(stderr).toMatch(/1 packets transmitted, 1 received/);
      expect(await ok("lab", "list")).toMatch(/host +namespace[\s\S]*ns1 +namespace[\s\S]*ns2 +namespace/);
      expect(await ok("lab", "status")).toMatch(/tunnel +ready/);
      const tunnel = await ok("lab", "exec", "ns2", "--", "ip", "-d", "addr", "show", "tunl2");
      expect(tunnel).toMatch(/mtu 1480[\s\S]*ipip remote 10\.10\.10\.1 local 10\.10\.20\.1[\s\S]*inet 10\.10\.200\.20/);
      expect(await ok("lab", "up", "--scenario", "tunnel-by-hand")).toBe("The lab is up already: nothing to do.\n");
      await ok("lab", "down");
      expect(await host.snapshot()).toEqual(clean);
    },
    UP_MS,
  );
});

describe("a kernel without IPIP", () => {
  it("refuses a lab that wants it and says what helps; one with it has no need of a machine", async () => {
    const trial = await host.run("ip", "link", "add", "trial", "type", "ipip", "remote", "192.0.2.1");
    await host.run("ip", "link", "delete", "trial");
    const { code, stderr } = await host.ocicat("lab", "up", "--scenario", "ipip");
    if (trial.code === 0) {
      expect({ code, stderr }).toMatchObject({ code: 0 });
      await ok("lab", "down");
    } else {
      expect({ code, stderr }).toMatchObject({ code: 1 });
      expect(stderr).toMatch(/this machine's kernel has no IPIP \(pool default-ipv4-ippool wants it\); .*--in-uml/);
    }
    expect(await host.snapshot()).toEqual(clean);
  });
});

async function addressOf(pod: string): Promise<string> {
  return new RegExp(`${pod} .* ([\\d.]+)\\n`).exec(await ok("lab", "list"))?.[1] ?? "";
}
