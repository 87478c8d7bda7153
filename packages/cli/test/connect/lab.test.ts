import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { LabPlaces } from "@ocicat/lab";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { labReach } from "../../src/connect/lab.ts";

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "oct-cli-"));
});
afterEach(() => rm(directory, { recursive: true }));

async function file(path: string, text = ""): Promise<string> {
  const full = join(directory, path);
  await mkdir(dirname(full), { recursive: true });
  await writeFile(full, text);
  return full;
}

const reach = (only?: string) => labReach(only, { run: join(directory, "run"), proc: join(directory, "proc") });

describe("the lab on this machine", () => {
  it("is none where there is none, or none that runs", async () => {
    expect(reach().datastore()).toBeUndefined();
    expect(reach().agents()).toEqual([]);
    await file("run/half-made/topology.json", "{}");
    await file(
      "run/ended/processes.json",
      '[{"name":"agent-a","pid":7,"startTicks":"1"},{"name":"datastore","pid":8,"startTicks":"1"}]',
    );
    await file("proc/8/stat", "somebody else by now");
    expect(reach().datastore()).toBeUndefined();
    expect(reach().agents()).toEqual([]);
  });

  it("is reached through its processes, those that run", async () => {
    await file(
      "run/one/processes.json",
      '[{"name":"agent-a","pid":7,"startTicks":"1"},{"name":"agent-b","pid":9,"startTicks":"1"},{"name":"datastore","pid":8,"startTicks":"1"}]',
    );
    const datastore = await file("proc/8/root/run/ocicat/datastore.sock");
    const agent = await file("proc/9/root/run/ocicat/agent.sock");
    expect(reach().datastore()).toBe(`unix://${datastore}`);
    expect(reach().agents()).toEqual([{ name: "b", socket: agent }]);
  });

  it("is the one that is named, where several run", async () => {
    const book = '[{"name":"agent-a","pid":7,"startTicks":"1"},{"name":"datastore","pid":7,"startTicks":"1"}]';
    await file("run/one/processes.json", book);
    await file("run/two/processes.json", book.replaceAll("7", "9").replace("agent-a", "agent-b"));
    for (const pid of [7, 9]) await file(`proc/${pid}/root/run/ocicat/datastore.sock`);
    const socket = await file("proc/9/root/run/ocicat/agent.sock");
    expect(reach("two").agents()).toEqual([{ name: "b", socket }]);
    expect(reach("two").datastore()).toContain("/proc/9/");
    expect(reach("two").nodes()).toMatchObject([{ name: "b", lab: "two" }]);
    expect(reach("three").datastore()).toBeUndefined();
    expect(reach().nodes()).toHaveLength(2);
  });

  it.each(["{", "{}", "[1]", '[{"name":"datastore"}]'])("is an error where it wrote down %s", async (text) => {
    const written = await file("run/one/processes.json", text);
    expect(() => reach().datastore()).toThrow(`${written}: is not a list of processes; take the lab down`);
  });

  it("writes down its processes where they are sought", () => {
    expect(new LabPlaces("one").processFile).toBe("/run/ocicat-lab/one/processes.json");
  });
});

describe("a lab in a machine of its own", () => {
  it("is not reached from here: who asks is told where it is", async () => {
    const socket = await file("run/two/machine.sock");
    for (const ask of [reach().datastore, reach().agents, reach().nodes]) {
      expect(ask).toThrow(expect.objectContaining({ code: "LAB_IN_MACHINE", where: socket }));
    }
  });

  it("comes after one that is on this kernel", async () => {
    await file("run/two/machine.sock");
    await file("run/three/processes.json", '[{"name":"datastore","pid":8,"startTicks":"1"}]');
    const datastore = await file("proc/8/root/run/ocicat/datastore.sock");
    expect(reach().datastore()).toBe(`unix://${datastore}`);
  });

  it("keeps its socket where it is sought", () => {
    expect(new LabPlaces("one").machineSocket).toBe("/run/ocicat-lab/one/machine.sock");
  });
});
