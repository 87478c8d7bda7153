import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { eventually } from "../support/lab.ts";
import { HandNode } from "./support/hand-node.ts";

/**
 * An ADD that is cut off at each of its steps, by the end of whoever does them: the agent, the plugin, the API server. What the
 * runtime does then (a DEL that is repeated until it succeeds, or a GC once the sandbox's namespace has gone) leaves nothing: not in
 * IPAM, not on the pod, no interface, route, rule or queue.
 *
 * The steps are the system calls with which a program has an effect outside itself, each in the order in which it is made; the
 * kernel lets strace end a program at the Nth of one kind, before it has happened.
 */
let node: HandNode;
let nothing: Awaited<ReturnType<HandNode["state"]>>;
let pods = 0;

beforeAll(async () => {
  node = await HandNode.start();
  // The first one of a node takes a block, which stays the node's.
  const pod = await newPod();
  expect(await node.plugin("ADD", pod)).toMatchObject({ code: 0 });
  expect(await node.plugin("DEL", pod)).toMatchObject({ code: 0 });
  await node.removePod(pod.name);
  nothing = await node.state();
  expect([nothing["addresses"], nothing["handles"], nothing["endpoints"]]).toEqual([[], [], []]);
});
afterAll(() => node?.stop());

type Pod = Awaited<ReturnType<HandNode["pod"]>>;

const newPod = (): Promise<Pod> => node.pod(`pod-${pods++}`);

/** As kubelet does: until it has succeeded. */
async function byDel(pod: Pod): Promise<void> {
  await eventually(
    () => node.plugin("DEL", pod),
    ({ code }) => code === 0,
    60_000,
  );
  // Its namespace stays until it has been seen that nothing leads there.
  await node.deletePod(pod.name);
  await node.expectState(nothing);
  await node.deleteNamespace(pod.name);
}

async function byGc(pod: Pod): Promise<void> {
  await node.removePod(pod.name);
  await eventually(
    () => node.gc(),
    ({ code }) => code === 0,
    60_000,
  );
  await node.expectState(nothing);
}

/** Ends the agent at the `at`th such call of a thread of it. `over`: resolves to whether it came to that. */
async function cutAgent(call: string, at: number): Promise<{ readonly over: () => Promise<boolean> }> {
  const pid = node.agentPid;
  const inject = `inject=${call}:signal=SIGKILL:when=${at}`;
  const args = ["-f", "-p", `${pid}`, "-e", `trace=${call}`, "-e", inject];
  const strace = spawn("strace", args, { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  strace.stderr.on("data", (chunk: Buffer) => {
    said += chunk.toString();
  });
  const ended = once(strace, "close");
  let hasEnded = false;
  void ended.then(() => {
    hasEnded = true;
  });
  await eventually(
    () => said,
    (text) => text.includes("attached"),
  );
  return {
    over: async () => {
      strace.kill("SIGINT");
      // It may wait for ever for threads of a process that it has killed.
      await eventually(
        () => hasEnded || isDead(pid),
        (isOver) => isOver,
      );
      strace.kill("SIGKILL");
      await ended;
      return !(await node.answers());
    },
  };
}

/** Ended, and kept for who traces it. */
function isDead(pid: number): boolean {
  return !existsSync(`/proc/${pid}`) || /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));
}

/** Every call with which an agent has an effect: netlink's messages, what it writes to sockets and to /proc/sys. */
const AGENT_CALLS = ["write", "writev", "sendto", "sendmsg"] as const;

/** What is shorter on the cable, in bytes, is HTTP/2's own: windows, pings, each in a TLS record. */
const SMALLEST_REQUEST = 64;

describe.each([
  ["a DEL", byDel],
  ["a GC", byGc],
] as const)("of an ADD that is interrupted, %s leaves nothing", (_, undo) => {
  it("wherever the agent was killed", async () => {
    let cuts = 0;
    for (const call of AGENT_CALLS) {
      for (let at = 1, isCut = true; isCut; at++) {
        const pod = await newPod();
        const cut = await cutAgent(call, at);
        const { code } = await node.plugin("ADD", pod);
        isCut = await cut.over();
        if (isCut) {
          cuts += 1;
          await node.killAgent();
          await node.startAgent();
        } else expect(code).toBe(0);
        await undo(pod);
      }
    }
    // A block, a handle and a pod are written, a cable is laid and programmed.
    expect(cuts).toBeGreaterThan(10);
  }, 900_000);
});

describe("of an ADD that is interrupted, a DEL leaves nothing", () => {
  it("wherever the plugin was killed, whose ADD the agent goes on with", async () => {
    let cuts = 0;
    for (const call of ["socket", "connect", "write", "sendto", "shutdown", "poll", "read"]) {
      for (let at = 1, isCut = true; isCut; at++) {
        const pod = await newPod();
        const inject = `inject=${call}:signal=SIGKILL:when=${at}`;
        const under = ["strace", "-qq", "-o", "/dev/null", "-e", `trace=${call}`, "-e", inject];
        const { code } = await node.plugin("ADD", pod, { under });
        isCut = code !== 0;
        cuts += isCut ? 1 : 0;
        await byDel(pod);
      }
    }
    expect(cuts).toBeGreaterThan(5);
  }, 300_000);

  it.each([
    ["before it was asked", false],
    ["when it had done what it was asked, and before it said so", true],
  ] as const)(
    "wherever the API server was killed, %s",
    async (_, isDone) => {
      let cuts = 0;
      for (let at = 1, isCut = true; isCut; at++) {
        const pod = await newPod();
        let asked = 0;
        isCut = false;
        const kill = async (): Promise<false> => {
          isCut = true;
          await node.cluster.plane.kill("kube-apiserver");
          return false;
        };
        node.cable.listen({
          asked: async (length) => {
            if (length < SMALLEST_REQUEST) return true;
            asked += 1;
            return asked === at && !isDone ? await kill() : true;
          },
          answered: async () => (asked === at && isDone && !isCut ? await kill() : true),
        });
        let isAdded = false;
        const adding = node.plugin("ADD", pod).finally(() => {
          isAdded = true;
        });
        await eventually(
          () => isCut || isAdded,
          (isOver) => isOver,
          90_000,
        );
        node.cable.listen();
        if (isCut) {
          cuts += 1;
          await node.cluster.plane.restart("kube-apiserver");
        }
        await adding;
        await byDel(pod);
      }
      expect(cuts).toBeGreaterThan(3);
    },
    600_000,
  );
});
