import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { ImageStore } from "../../src/kubernetes/images/image-store.ts";

describe("images in a directory", () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), "oct-images-"));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  const hello = (text: string) => ({
    names: ["library/hello:latest", "library/hello:1"],
    layers: [(root: string) => writeFileSync(join(root, "hello"), text)],
    config: { Entrypoint: ["/hello"] },
  });

  it("are found by each name, and by digest", () => {
    const store = new ImageStore(directory);
    store.add(hello("a"));
    const latest = store.manifest("library/hello", "latest");
    expect(latest).toEqual(store.manifest("library/hello", "1"));
    expect(latest).toEqual(store.manifest("library/hello", latest?.digest ?? ""));
    expect(store.manifest("library/hello", "2")).toBeUndefined();
  });

  it("say of what they are made, and have it", () => {
    const store = new ImageStore(directory);
    store.add(hello("a"));
    const manifest: unknown = JSON.parse(String(store.manifest("library/hello", "1")?.text));
    const { config, layers } = manifest as { config: { digest: string }; layers: { digest: string; size: number }[] };
    const layer = readFileSync(store.blob(layers[0]?.digest ?? "") ?? "");
    expect(layer).toHaveLength(layers[0]?.size ?? 0);
    expect(layer.includes("./hello")).toBe(true);
    expect(JSON.parse(readFileSync(store.blob(config.digest) ?? "", "utf8"))).toMatchObject({
      os: "linux",
      config: { Entrypoint: ["/hello"] },
      rootfs: { diff_ids: [layers[0]?.digest] },
    });
  });

  it("are the same for the same content, whenever they are made", () => {
    const store = new ImageStore(directory);
    store.add(hello("a"));
    const first = store.manifest("library/hello", "1")?.digest;
    store.add(hello("a"));
    expect(store.manifest("library/hello", "1")?.digest).toBe(first);
    store.add(hello("b"));
    expect(store.manifest("library/hello", "1")?.digest).not.toBe(first);
  });

  it("are not found by a path that leads elsewhere", () => {
    writeFileSync(join(directory, "secret"), "");
    const store = new ImageStore(directory);
    expect(store.blob("sha256:../secret")).toBeUndefined();
    expect(store.blob("../secret")).toBeUndefined();
  });
});
