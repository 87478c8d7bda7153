import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DEFAULT_IPAM_CONFIG, handleKey } from "@ocicat/api/ipam";
import { createIpam } from "@ocicat/ipam";
import { seededRandom, TestClock } from "@ocicat/kit";
import { parseAddress } from "@ocicat/net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DATASTORES } from "./support/datastores.ts";
import { contents, GOLDEN_POOL, goldenForEach, withStore } from "./support/golden.ts";
import { type Outcome, terminal } from "./support/terminal.ts";

const LEAKED = "10.244.166.128";
const CLUSTER = "/calico/resources/v3/projectcalico.org/clusterinformations/default";

const ENDPOINTS = "/calico/resources/v3/projectcalico.org/workloadendpoints/default";
describe.each(Object.entries(DATASTORES))("ipam release, in %s", (_name, start) => {
  const datastore = goldenForEach(start);
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "oct-release-"));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const ipam = (...args: readonly string[]): Promise<Outcome> =>
    terminal({ env: { ETCD_ENDPOINTS: datastore.endpoint } })("ipam", ...args);
  const problems = async () => /found (\d+) problems/.exec((await ipam("check")).stdout)?.[1];

  async function report(name: string): Promise<string> {
    const file = join(directory, name);
    await ipam("check", "-o", file);
    return file;
  }

  async function setReady(ready: boolean): Promise<void> {
    await withStore(datastore.endpoint, async (store) => {
      const { value = "" } = (await store.get(CLUSTER)) ?? {};
      await store.put(CLUSTER, value.replace(/"datastoreReady":\w+/, `"datastoreReady":${ready}`));
    });
  }

  it("releases one address that nobody uses, and takes its handle's count along", async () => {
    const { code, stdout } = await ipam("release", `--ip=${LEAKED}`);
    expect({ code, stdout }).toEqual({ code: 0, stdout: `Successfully released IP address ${LEAKED}\n` });
    expect(await problems()).toBe("0");
    const again = await ipam("release", `--ip=${LEAKED}`);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain(`IP address ${LEAKED} is not assigned`);
  });

  it("does not release what is in use, unless it is forced to", async () => {
    const before = await contents(datastore.endpoint);
    const { code, stderr } = await ipam("release", "--ip=10.244.104.0");
    expect(code).toBe(1);
    expect(stderr).toContain("is in use (by Workload(default/node2-k8s-db--0-eth0)");
    expect(await contents(datastore.endpoint)).toEqual(before);
    expect((await ipam("release", "--ip=10.244.104.0", "--force")).code).toBe(0);
    expect((await ipam("show", "--ip=10.244.104.0")).stdout).toBe("10.244.104.0 is not assigned\n");
  });

  it("releases what a report calls leaked, and its handles, while the datastore is locked", async () => {
    await withStore(datastore.endpoint, (store) => store.put(handleKey("net.gone"), '{"block":{},"deleted":false}'));
    await setReady(false);
    const { code, stdout } = await ipam("release", `--from-report=${await report("one.json")}`);
    expect(stdout).toBe(
      [
        "Releasing 1 old IPs...",
        "Released 1 IPs successfully",
        "Deleting 1 handles...",
        "Released 1 handles; 0 skipped; 0 errors.",
        "You may now unlock the data store.",
        "",
      ].join("\n"),
    );
    expect(code).toBe(0);
    expect(await problems()).toBe("0");
  });

  it("wants the datastore locked, a report of now, of this cluster and version", async () => {
    const file = await report("unlocked.json");
    const before = await contents(datastore.endpoint);
    const unlocked = await ipam("release", "--from-report", file);
    expect(unlocked).toMatchObject({ code: 1, stdout: "" });
    expect(unlocked.stderr).toContain("the datastore is not locked");
    const text = readFileSync(file, "utf8");
    const changed = (from: RegExp, to: string) => {
      writeFileSync(join(directory, "changed.json"), text.replace(from, to));
      return ipam("release", "--from-report", join(directory, "changed.json"), "--force");
    };
    expect((await changed(/"clusterGUID": "\w+"/, '"clusterGUID": "b"')).stderr).toContain("about another cluster, b");
    expect(
      (await changed(/"clusterInformationRevision": "\d+"/, '"clusterInformationRevision": "1"')).stderr,
    ).toContain("every report is older");
    expect((await changed(/"inUse": false/, '"inUse": "no"')).stderr).toContain("inUse is not true or false");
    expect((await changed(/\{/, "[")).stderr).toContain("is not JSON");
    expect(await contents(datastore.endpoint)).toEqual(before);
    expect((await changed(/"version": "[^"]+"/, '"version": "v0"')).stderr).toMatch(
      /another version, v0.*\n.*not locked/,
    );
    expect(await problems()).toBe("0");
  });

  it("keeps what was given anew since the report, and releases the rest", async () => {
    const first = await report("first.json");
    const reported = readFileSync(first, "utf8");
    // The report says that web-2's address is leaked too, and at that moment it was; by now it is another's.
    const lied = reported.replace(
      /("ip": "10\.244\.166\.129"[^}]*?"inUse": )true,\s*"owners": \[[^\]]*\]/,
      '$1false,\n        "owners": null',
    );
    expect(lied).not.toBe(reported);
    writeFileSync(first, lied);
    await withStore(datastore.endpoint, async (store) => {
      await store.delete(`${ENDPOINTS}/node1-k8s-web--2-eth0`);
      const address = parseAddress("10.244.166.129");
      const settings = () => ({ pools: [GOLDEN_POOL], reservations: [], config: DEFAULT_IPAM_CONFIG });
      const node1 = createIpam({ store, clock: new TestClock(), random: seededRandom(1), node: "node1", settings });
      await node1.release({ addresses: [{ address }] });
      await node1.assignIp({ handleId: "net.new", address });
    });
    const { code, stdout } = await ipam("release", "--from-report", first, "--force");
    expect(code).toBe(0);
    expect(stdout).toContain("Releasing 2 old IPs...\nReleased 1 IPs successfully\n");
    expect(stdout).toContain("  10.244.166.129 is kept: ");
    expect((await ipam("show", "--ip=10.244.166.129")).stdout).toContain("Handle ID: net.new");
    expect((await ipam("show", `--ip=${LEAKED}`)).stdout).toContain("is not assigned");
  });

  it("releases of several reports only what is leaked in all of them", async () => {
    const old = await report("old.json");
    writeFileSync(old, readFileSync(old, "utf8").replace('"inUse": false', '"inUse": true'));
    const now = await report("now.json");
    const { stdout } = await ipam("release", "--from-report", old, "--from-report", now, "--force");
    expect(stdout).toContain("Report didn't contain any leaked IPs to clean up.\n");
    expect(await problems()).toBe("1");
  });

  it("does not release an address of a report that an endpoint uses by now", async () => {
    const file = await report("one.json");
    await withStore(datastore.endpoint, async (store) => {
      const key = `${ENDPOINTS}/node1-k8s-web--1-eth0`;
      const { value = "" } = (await store.get(key)) ?? {};
      await store.put(key, value.replace("10.244.166.131/32", `${LEAKED}/32`));
    });
    const { stdout } = await ipam("release", "--from-report", file, "--force");
    expect(stdout).toContain(`${LEAKED} is kept: Workload(default/node1-k8s-web--1-eth0) uses it\n`);
  });

  it("wants to be told what to release", async () => {
    for (const args of [[], ["--ip=10.0.0.1", "--from-report=x.json"]]) {
      expect((await ipam("release", ...args)).stderr).toContain("it is not said what to release");
    }
    expect((await ipam("release", "--from-report=/nonexistent.json")).stderr).toContain("there is no such file");
  });
});
