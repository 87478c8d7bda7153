import { IPAM_CONFIG_KEY } from "@ocicat/api/ipam";
import { describe, expect, it } from "vitest";
import { DATASTORES } from "./support/datastores.ts";
import { contents, goldenForEach, withStore } from "./support/golden.ts";
import { type Outcome, terminal } from "./support/terminal.ts";

const CLUSTER = "/calico/resources/v3/projectcalico.org/clusterinformations/default";

describe.each(Object.entries(DATASTORES))("settings and pools, in %s", (_name, start) => {
  const datastore = goldenForEach(start);

  const ipam = (...args: readonly string[]): Promise<Outcome> =>
    terminal({ env: { ETCD_ENDPOINTS: datastore.endpoint } })("ipam", ...args);
  const stored = () => withStore(datastore.endpoint, async (store) => (await store.get(IPAM_CONFIG_KEY))?.value);

  it("changes what is named and keeps the rest, also what it does not know", async () => {
    await withStore(datastore.endpoint, (store) =>
      store.put(IPAM_CONFIG_KEY, '{"auto_allocate_blocks":true,"later":7}'),
    );
    const { code, stdout } = await ipam("configure", "--strictaffinity=true", "--max-blocks-per-host=4");
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: "Successfully set StrictAffinity to: true\nSuccessfully set MaxBlocksPerHost to: 4\n",
    });
    expect(await stored()).toBe('{"strict_affinity":true,"auto_allocate_blocks":true,"maxBlocksPerHost":4,"later":7}');
    await ipam("configure", "--ip-cooldown-seconds", "60", "--kubevirt-ip-persistence=Disabled");
    expect(await stored()).toContain('"kubeVirtVMAddressPersistence":"Disabled","ipCooldownSeconds":60');
    const { stdout: shown } = await ipam("show", "--show-configuration");
    expect(shown).toContain("| IPCooldownSeconds            |       60 |");
  });

  it("writes the first settings where there are none", async () => {
    await withStore(datastore.endpoint, (store) => store.delete(IPAM_CONFIG_KEY));
    expect((await ipam("configure", "--strictaffinity=t")).code).toBe(0);
    expect(await stored()).toBe(
      '{"strict_affinity":true,"auto_allocate_blocks":true,"kubeVirtVMAddressPersistence":"Enabled"}',
    );
  });

  it.each([
    [["--strictaffinity=maybe"], '--strictaffinity: "maybe" is not possible'],
    [["--max-blocks-per-host=-1"], '"-1" is not possible'],
    [["--max-blocks-per-host=4x"], '"4x" is not possible'],
    [["--ip-cooldown-seconds=1201"], "an integer from 0 to 1200"],
    [["--kubevirt-ip-persistence=enabled"], "Enabled or Disabled"],
    [["--max-blocks-per-host=4"], "strict_affinity must be true"],
    [[], "no setting is given"],
  ])("refuses %j, and changes nothing", async (args, message) => {
    const before = await contents(datastore.endpoint);
    const { code, stdout, stderr } = await ipam("configure", ...args);
    expect({ code, stdout }).toEqual({ code: 1, stdout: "" });
    expect(stderr).toContain(message);
    expect(await contents(datastore.endpoint)).toEqual(before);
  });

  it("refuses to let nodes neither claim nor stay with their own", async () => {
    await withStore(datastore.endpoint, (store) => store.put(IPAM_CONFIG_KEY, '{"strict_affinity":true}'));
    expect((await ipam("configure", "--strictaffinity=false")).stderr).toContain("auto_allocate_blocks is false");
  });

  it("splits a pool while the datastore is locked, and no address is lost", async () => {
    const refused = await ipam("split", "--cidr=10.244.0.0/16", "2");
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toContain("not locked");
    await withStore(datastore.endpoint, async (store) => {
      const { value = "" } = (await store.get(CLUSTER)) ?? {};
      await store.put(CLUSTER, value.replace('"datastoreReady":true', '"datastoreReady":false'));
    });
    expect((await ipam("split", "2")).stderr).toContain("no pool is named");
    expect((await ipam("split", "3", "--name=default-ipv4-ippool")).code).toBe(1);
    expect((await ipam("split", "two", "--name=tiny")).stderr).toContain('"two" is not a number');
    const before = await ipam("check");
    const { code, stdout } = await ipam("split", "2", "--cidr=10.244.0.0/16");
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: [
        "IP Pool default-ipv4-ippool was successfully split into 2 smaller pools.",
        "Created split-default-ipv4-ippool-0 with CIDR 10.244.0.0/17.",
        "Created split-default-ipv4-ippool-1 with CIDR 10.244.128.0/17.",
        "",
      ].join("\n"),
    });
    const { stdout: shown } = await ipam("show");
    expect(shown).toContain("| IP Pool  | 10.244.0.0/17   |     32768 | 1 (0%)     |");
    expect(shown).toContain("| IP Pool  | 10.244.128.0/17 |     32768 | 4 (0%)     |");
    const problems = (text: string) => /found \d+ problems/.exec(text)?.[0];
    expect(problems((await ipam("check")).stdout)).toBe(problems(before.stdout));
  });
});
