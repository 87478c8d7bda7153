import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { startEtcd } from "../../datastore/test/support/etcd.ts";
import { startEmbedded, type TestDatastore } from "./support/datastores.ts";
import { contents, loadDump, withStore } from "./support/golden.ts";
import { type Outcome, terminal } from "./support/terminal.ts";

let etcd: TestDatastore;
let embedded: TestDatastore;
let directory: string;
let file: string;

beforeEach(async () => {
  directory = mkdtempSync(join(tmpdir(), "oct-backup-"));
  file = join(directory, "calico.backup");
  [etcd, embedded] = await Promise.all([startEtcd(), startEmbedded()]);
});
afterEach(async () => {
  await Promise.all([etcd.stop(), embedded.stop()]);
  rmSync(directory, { recursive: true });
});

const on = (datastore: TestDatastore, ...args: readonly string[]): Promise<Outcome> =>
  terminal({ env: { ETCD_ENDPOINTS: datastore.endpoint } })("datastore", ...args);

describe("datastore backup and restore", () => {
  it("bring what a real Calico stored from etcd to the embedded datastore and back to how it was", async () => {
    await loadDump(etcd.endpoint);
    const golden = await contents(etcd.endpoint);
    const saved = await on(etcd, "backup", file);
    expect(saved).toMatchObject({ code: 0, stderr: "" });
    expect(saved.stdout).toMatch(new RegExp(`^Saved \\d+ keys of revision \\d+ to ${file}\\n$`));

    const restored = await on(embedded, "restore", file);
    expect(restored).toMatchObject({ code: 0, stderr: "" });
    expect(restored.stdout).toMatch(
      /^Restored (\d+) keys of revision \d+, taken 2026-11-21T03:00:00\.000Z: \1 created, 0 changed, 0 deleted, 0 as they were\n$/,
    );
    const values = (all: Awaited<ReturnType<typeof contents>>) => JSON.stringify(all);
    expect(values(await contents(embedded.endpoint))).toBe(values(golden));

    const [pool] = (await withStore(embedded.endpoint, (store) => store.list("/calico/resources"))).items;
    await withStore(embedded.endpoint, (store) => store.put(pool?.key ?? "", "{}"));
    const refused = await on(embedded, "restore", file);
    expect(refused).toMatchObject({ code: 1, stdout: "" });
    expect(refused.stderr).toContain(
      `holds 1 keys that are not in the backup or are other than there, as ${pool?.key}`,
    );
    expect((await on(embedded, "restore", "--replace", file)).stdout).toContain("0 created, 1 changed, 0 deleted");
    expect(values(await contents(embedded.endpoint))).toBe(values(golden));
  });

  it("never take a file's place unasked, and refuse a damaged one before the datastore is touched", async () => {
    await loadDump(embedded.endpoint);
    writeFileSync(file, "mine");
    expect(await on(embedded, "backup", file)).toMatchObject({
      code: 1,
      stderr: `ocicat: ${file}: is there already; name another file, or say --overwrite\n`,
    });
    expect(readFileSync(file, "utf8")).toBe("mine");
    expect(await on(embedded, "restore", file)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("is not a backup of a datastore"),
    });
    expect((await on(embedded, "backup", "--overwrite", file)).code).toBe(0);
    const whole = readFileSync(file);
    writeFileSync(file, whole.subarray(0, whole.length - 1000));
    expect(await on(etcd, "restore", file)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/the backup is damaged; nothing of it is used .*its end is missing/),
    });
    expect((await withStore(etcd.endpoint, (store) => store.list(""))).items).toEqual([]);
    expect(readdirSync(directory)).toEqual(["calico.backup"]);
  });

  it("say what to do about an etcd that holds what is no text", async () => {
    await loadDump(etcd.endpoint);
    const { execFileSync } = await import("node:child_process");
    const env = { ...process.env, ETCDCTL_API: "3" };
    execFileSync("etcdctl", ["--endpoints", etcd.endpoint, "put", "/registry/pods/a"], { env, input: Buffer.of(0xff) });
    expect(await on(etcd, "backup", file)).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/\/registry\/pods\/a.*--prefix \/calico\//),
    });
    expect((await on(etcd, "backup", "--prefix", "/calico/", file)).code).toBe(0);
  });
});

describe("datastore serve refuses before it starts", () => {
  it.each([
    [["--listen", "ftp://a"], /"ftp:\/\/a" is neither http nor https/],
    [["--listen", "https://127.0.0.1:0"], /https needs a certificate; give --cert-file and --key-file/],
    [["--cert-file", "a"], /only one of them is given/],
    [["--client-ca-file", "a"], /give the certificate and its key/],
    [["--quota", "many"], /--quota: "many" is not a size/],
    [["--quota", "0"], /is not a size/],
  ])("%j", async (args, message) => {
    const data = join(directory, "data.db");
    const outcome = await on(embedded, "serve", "--data", data, ...args);
    expect(outcome).toMatchObject({ code: 1, stdout: "", stderr: expect.stringMatching(message) });
    expect(readdirSync(directory)).toEqual([]);
  });
});
