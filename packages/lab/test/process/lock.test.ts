import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import { withLock } from "../../src/process/lock.ts";
import { temporaryPlaces } from "../support/temporary.ts";

describe("a lab's lock", () => {
  it("lets one in at a time, and the next when that is done, also if it failed", async () => {
    const places = temporaryPlaces();
    const work = Promise.withResolvers<void>();
    const first = withLock(places, () => work.promise);
    await expect(withLock(places, () => Promise.resolve())).rejects.toThrow(
      /lab test: another command is bringing it up/,
    );
    work.reject(new Error("it failed"));
    await expect(first).rejects.toThrow("it failed");
    expect(await withLock(places, () => Promise.resolve("in"))).toBe("in");
  });

  it("of another lab is another", async () => {
    const [one, two] = [temporaryPlaces(), temporaryPlaces()];
    expect(await withLock(one, () => withLock(two, () => Promise.resolve("both")))).toBe("both");
  });

  it("goes with a process that is killed", async () => {
    const places = temporaryPlaces();
    const script = `import { withLock } from ${JSON.stringify(new URL("../../src/process/lock.ts", import.meta.url).href)};
      await withLock(${JSON.stringify({ lab: places.lab, run: places.run })}, () => new Promise(() => { console.log("in"); setInterval(() => {}, 1000); }));`;
    const child = spawn(process.execPath, ["--conditions=source", "--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    await expect(withLock(places, () => Promise.resolve())).rejects.toThrow(/another command/);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(await withLock(places, () => Promise.resolve("in"))).toBe("in");
  });
});
