import { describe, expect, it } from "vitest";
import { DATASTORES } from "./support/datastores.ts";
import { contents, goldenForEach } from "./support/golden.ts";
import { type Outcome, terminal } from "./support/terminal.ts";

describe.each(Object.entries(DATASTORES))("ipam forecast, in %s", (_name, start) => {
  const datastore = goldenForEach(start);

  const forecast = (now: string, ...args: readonly string[]): Promise<Outcome> =>
    terminal({ env: { ETCD_ENDPOINTS: datastore.endpoint }, now: new Date(now) })("ipam", "forecast", ...args);

  it("says when the pools of a real Calico will be full, and what it does not know", async () => {
    const before = await contents(datastore.endpoint);
    const { code, stdout, stderr } = await forecast("2026-11-23T02:19:57Z");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const [headings = "", first = "", second = ""] = stdout.split("\n");
    expect(headings.split(/\s{2,}/)).toContain("FULL IN");
    expect(first).toMatch(/^default-ipv4-ippool +10\.244\.0\.0\/16 +65275 +≤ \+\d\.\d +≥ \d+ days +1018 /);
    expect(second).toMatch(/^tiny +10\.99\.0\.0\/26 +62 +≤ \+\d\.\d +≥ \d+ days +0 .* now +ages of \S+ \w+$/);
    expect(stdout).toContain("\ntiny: every block is claimed: a new node gets none, and 62 addresses are free");
    expect(await contents(datastore.endpoint)).toEqual(before);
  });

  it("says that it cannot tell yet", async () => {
    const { stdout } = await forecast("2026-11-21T02:20:00Z");
    expect(stdout).toMatch(/^tiny +10\.99\.0\.0\/26 +62 +\? +\? +0 /m);
    expect(stdout).toContain("tiny: too little is known for a rate");
  });

  it("is JSON for programs; wants a duration and a format that it knows", async () => {
    const { stdout } = await forecast("2026-11-23T02:19:57Z", "-o", "json", "--window=24h");
    expect(JSON.parse(stdout)).toMatchObject([
      { pool: "default-ipv4-ippool", free: 65275, addresses: { basis: "at-most", perDay: 0 } },
      { pool: "tiny", blocksFree: 0 },
    ]);
    for (const args of [
      ["--window", "long"],
      ["-o", "yaml"],
    ])
      expect((await forecast("2026-11-23T02:19:57Z", ...args)).code).toBe(1);
  });
});
