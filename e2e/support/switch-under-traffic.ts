import { expect } from "vitest";
import { eventually, type TestLab } from "./lab.ts";
import type { Mode, ModeLab } from "./modes.ts";
import { SteadyPing } from "./steady-ping.ts";
import { TcpStream } from "./tcp-stream.ts";

/** Pairs of pods between which packets flow: in one subnet, and across the router. */
const NEAR = [
  ["pod1", "pod2"],
  ["pod2", "pod1"],
] as const;
const FAR = [
  ["pod1", "pod3"],
  ["pod3", "pod1"],
] as const;

/** Switches the pool while pings of 1 ms flow in both directions, and counts what is lost: nothing. */
export async function switchUnderPings(lab: ModeLab, from: Mode, to: Mode): Promise<void> {
  await underPings(lab, from, to, async () => {
    expect(lab.apply(to)).toBe("Successfully applied 1 'IPPool' resource(s)\n");
    await lab.settled(to);
  });
}

/** The same by any switch, of a lab with pods 1 and 2 in one subnet and pod 3 in another. */
export async function underPings(lab: TestLab, from: string, to: string, change: () => Promise<void>): Promise<void> {
  // Across the router nothing passes un-encapsulated.
  const pairs = from === "never" || to === "never" ? NEAR : [...NEAR, ...FAR];
  const pings = pairs.map(([source, target]) => new SteadyPing(lab, source, lab.address(target), 0.001));
  try {
    for (const ping of pings) await ping.answered(50);
    await change();
    for (const ping of pings) await ping.answered(50);
  } finally {
    for (const ping of pings) {
      const { missing, received } = await ping.stop();
      expect({ switch: `${from} → ${to}`, missing }).toEqual({ switch: `${from} → ${to}`, missing: [] });
      expect(received).toBeGreaterThan(100);
    }
  }
}

/**
 * Switches while node2's agent is held: node1 moves, node2 does not know yet, and packets come back another way than they
 * went, for as long as the test likes.
 */
export async function switchWithOneLate(lab: ModeLab, from: Mode, to: Mode): Promise<void> {
  const pings = NEAR.map(([source, target]) => new SteadyPing(lab, source, lab.address(target), 0.001));
  const late = lab.pid("agent-node2");
  const [first] = pings;
  try {
    for (const ping of pings) await ping.answered(50);
    process.kill(late, "SIGSTOP");
    expect(lab.apply(to)).toBe("Successfully applied 1 'IPPool' resource(s)\n");
    const { node2: block } = await lab.blocks();
    const wanted = lab.expected(to, "node1", "node2", block);
    // Without a tunnel node1 need not wait for anybody; into one it must not go before node2 is there.
    if (to === "never") {
      await eventually(
        () => lab.out("node1", "ip", "route"),
        (text) => text.split("\n").some((line) => line.trim() === wanted),
      );
    }
    await first?.answered(300);
    process.kill(late, "SIGCONT");
    await lab.settled(to);
    await first?.answered(50);
  } finally {
    process.kill(late, "SIGCONT");
    for (const ping of pings) {
      const { missing } = await ping.stop();
      expect({ switch: `${from} → ${to}`, missing }).toEqual({ switch: `${from} → ${to}`, missing: [] });
    }
  }
}

/**
 * Switches through `modes` while TCP streams flow: the same bytes arrive, and none of them waits long. How long a machine that
 * is at other things too makes bytes wait, a stream tells that does not leave its pod.
 */
export async function switchUnderStreams(
  lab: ModeLab,
  modes: readonly Mode[],
  limits: { readonly delayMs: number },
): Promise<void> {
  const pairs = modes.includes("never") ? NEAR.slice(0, 1) : [NEAR[0], FAR[0]];
  const streams: TcpStream[] = [];
  const machine = await TcpStream.open(lab, NEAR[0][0], NEAR[0][0]);
  try {
    for (const [source, target] of pairs) streams.push(await TcpStream.open(lab, source, target));
    for (const mode of modes) {
      expect(lab.apply(mode)).toBe("Successfully applied 1 'IPPool' resource(s)\n");
      await lab.settled(mode);
    }
    const reports = await Promise.all(streams.map((stream) => stream.stop()));
    const { longestDelayMs: machineMs } = (await machine.stop()).received;
    for (const { sent, received } of reports) {
      expect(sent.error ?? received.error).toBeUndefined();
      expect(received.digest).toBe(sent.digest);
      expect(received.bytes).toBe(sent.bytes);
      expect(received.bytes).toBeGreaterThan(1_000_000);
      expect(received.longestDelayMs).toBeLessThan(limits.delayMs + machineMs);
    }
  } finally {
    for (const stream of [machine, ...streams]) stream.kill();
  }
}
