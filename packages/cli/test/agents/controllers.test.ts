import { afterEach, describe, expect, it } from "vitest";
import { always, startAgent, type TestAgent } from "../support/agent.ts";
import { terminal } from "../support/terminal.ts";

const agents: TestAgent[] = [];
afterEach(() => Promise.all(agents.splice(0).map((agent) => agent.stop())));

async function backlog(body: unknown, ...args: readonly string[]) {
  const agent = await startAgent(always(body));
  agents.push(agent);
  return await terminal({ env: { OCICAT_CONTROLLERS_SOCKET: agent.socket } })("controllers", "backlog", ...args);
}

const candidate = {
  subject: "handle net.c1",
  reason: "container-gone",
  why: "there is no WorkloadEndpoint of the container",
  node: "node1",
  addresses: ["10.0.0.1", "fd00::1"],
  seconds: 723.4,
  dueInSeconds: 176.6,
  attempts: 0,
};

describe("controllers backlog", () => {
  it("tells who leads, what waits, since when, until when, and why", async () => {
    const candidates = [
      candidate,
      {
        ...candidate,
        subject: "block 10.0.0.0/26",
        addresses: [],
        node: undefined,
        seconds: 12,
        dueInSeconds: 0,
        problem: "busy",
      },
    ];
    expect(await backlog({ leader: "a pid 1", leading: true, candidates })).toEqual({
      code: 0,
      stderr: "",
      stdout: `Leader: a pid 1 (this one)

WHAT                ADDRESSES          NODE    SINCE    DUE        WHY
handle net.c1       10.0.0.1,fd00::1   node1   12m03s   in 2m57s   there is no WorkloadEndpoint of the container (container-gone)
block 10.0.0.0/26                              12s      now        there is no WorkloadEndpoint of the container (container-gone); last attempt: busy
`,
    });
  });

  it("says why nothing is collected, and that nothing waits", async () => {
    const { stdout } = await backlog({ leading: false, idle: "another instance leads", candidates: [] });
    expect(stdout).toBe(
      "Leader: nobody\nThis one collects nothing now: another instance leads\n\nNothing seems to be garbage.\n",
    );
  });

  it("is for programs too, and one error where no controllers run", async () => {
    const { stdout } = await backlog({ leading: true, candidates: [] }, "-o", "json");
    expect(JSON.parse(stdout)).toEqual({ leading: true, candidates: [] });
    const none = await terminal({ env: { OCICAT_CONTROLLERS_SOCKET: "/nonexistent/sock" } })("controllers", "backlog");
    expect([none.code, none.stdout]).toEqual([1, ""]);
    expect(none.stderr).toMatch(/^ocicat: [^\n]*no controllers run on this host[^\n]*ocicat controllers run[^\n]*\n$/);
  });
});
