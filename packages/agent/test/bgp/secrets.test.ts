import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Scope, TestClock } from "@ocicat/kit";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { fileSecrets } from "../../src/bgp/secrets.ts";

let directory: string;
let scope: Scope;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "oct-secrets-"));
  mkdirSync(join(directory, "bgp"));
  scope = new Scope("test");
});
afterEach(async () => {
  await scope.close();
  rmSync(directory, { recursive: true });
});

const ref = (name: string, key: string) => ({ name, key, optional: false });
const put = (key: string, value: string, mode = 0o600) => {
  writeFileSync(join(directory, "bgp", key), value, { mode });
  chmodSync(join(directory, "bgp", key), mode);
};

describe("secrets in files", () => {
  it("are read without the line's end", () => {
    put("md5", "open sesame\n");
    const secrets = fileSecrets({ directory, clock: new TestClock(), scope });
    expect(secrets.read(ref("bgp", "md5"))).toEqual({ value: "open sesame" });
  });

  it("say why they cannot be had", () => {
    put("loose", "open sesame", 0o644);
    put("empty", "\n");
    const secrets = fileSecrets({ directory, clock: new TestClock(), scope });
    const loose = join(directory, "bgp/loose");
    expect(secrets.read(ref("bgp", "loose"))).toEqual({
      missing: `${loose} can be read by others than its owner: chmod 600 ${loose}`,
    });
    expect(secrets.read(ref("bgp", "gone"))).toEqual({ missing: `${directory}/bgp/gone is not there` });
    expect(secrets.read(ref("bgp", "empty"))).toEqual({ missing: `${directory}/bgp/empty is empty` });
    expect(secrets.read(ref("..", "shadow"))).toEqual({ missing: '".." names no secret' });
    expect(secrets.read(ref("a/b", "c"))).toEqual({ missing: '"a/b" names no secret' });
  });

  it("tell when an answer that was given is another", () => {
    const clock = new TestClock();
    const secrets = fileSecrets({ directory, clock, scope });
    let told = 0;
    secrets.subscribe(() => {
      told += 1;
      secrets.read(ref("bgp", "md5"));
    });
    secrets.read(ref("bgp", "md5"));
    clock.advance(5_000);
    expect(told).toBe(0);
    put("md5", "one");
    clock.advance(5_000);
    expect(told).toBe(1);
    clock.advance(5_000);
    expect(told).toBe(1);
  });
});
