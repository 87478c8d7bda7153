import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { readdir } from "node:fs/promises";
import { describe, expect, it } from "vitest";
import {
  bindMount,
  createMountNamespace,
  createNetworkNamespace,
  deleteMountNamespace,
  deleteNetworkNamespace,
  ensurePrivateDirectory,
  mount,
  mountAt,
  mounts,
  openNamespace,
  parseMountInfo,
  pivotRoot,
  releasePrivateDirectory,
  setPropagation,
  unmount,
  withNamespaces,
  withNetns,
} from "../../src/index.ts";
import { cleanup, eventually, run, testDirectory, testNetns } from "../helpers.ts";

/** A directory for namespace files, whose private mount is gone after the test. */
function namespaceDirectory(): string {
  const directory = testDirectory();
  cleanup(() => releasePrivateDirectory(directory));
  return directory;
}

function tmpfsOn(target: string): void {
  mount({ source: "octtmp", target, type: "tmpfs", data: "size=64k" });
}

describe("mount namespaces", () => {
  it("keep what is mounted inside from the outside, and live without a process", async () => {
    const directory = namespaceDirectory();
    const view = testDirectory();
    const path = `${directory}/node`;
    createMountNamespace(path, () => {
      tmpfsOn(view);
      writeFileSync(`${view}/inside`, "1");
    });
    cleanup(() => deleteMountNamespace(path));
    expect(readdirSync(view)).toEqual([]);
    expect(mountAt(view)).toBeUndefined();
    using namespace = openNamespace(path);
    expect(namespace.kind).toBe("mnt");
    expect(withNamespaces({ mount: namespace }, () => readdirSync(view))).toEqual(["inside"]);
    expect(await readdir(view)).toEqual([]);
    expect(run("nsenter", `--mount=${path}`, "ls", view)).toBe("inside\n");
  });

  it("working directory, root and namespace are the caller's again after a visit", () => {
    const directory = namespaceDirectory();
    const path = `${directory}/node`;
    const before = [statSync(".").ino, statSync("/").ino, statSync("/proc/thread-self/ns/mnt").ino];
    createMountNamespace(path, () => {});
    cleanup(() => deleteMountNamespace(path));
    using namespace = openNamespace(path);
    const inside = withNamespaces({ mount: namespace }, () => statSync("/proc/thread-self/ns/mnt").ino);
    expect(inside).toBe(namespace.inode);
    expect([statSync(".").ino, statSync("/").ino, statSync("/proc/thread-self/ns/mnt").ino]).toEqual(before);
  });

  it("a setup that fails leaves nothing behind", () => {
    const directory = namespaceDirectory();
    const path = `${directory}/node`;
    expect(() => createMountNamespace(path, () => mount({ target: "/octnone", type: "tmpfs" }))).toThrow(
      /\/octnone: mount failed with ENOENT/,
    );
    expect(existsSync(path)).toBe(false);
    const later: () => unknown = () => Promise.resolve();
    expect(() => createMountNamespace(path, later)).toThrow(expect.objectContaining({ code: "NAMESPACE_ASYNC" }));
    expect(existsSync(path)).toBe(false);
  });

  it("deleting one ends it, with the mounts in it, and the directory can be released", () => {
    const directory = namespaceDirectory();
    const path = `${directory}/node`;
    createMountNamespace(path, () => {});
    expect(deleteMountNamespace(path)).toBe(true);
    expect(deleteMountNamespace(path)).toBe(false);
    expect(releasePrivateDirectory(directory)).toBe(true);
    expect(releasePrivateDirectory(directory)).toBe(false);
    expect(mounts().filter((entry) => entry.target.startsWith(directory))).toEqual([]);
  });

  it("work below a shared mount too: the directory is made private first", () => {
    const shared = testDirectory();
    tmpfsOn(shared);
    cleanup(() => unmount(shared, { detach: true }));
    setPropagation(shared, "shared");
    expect(mountAt(shared)?.shared).toBe(true);
    const path = `${shared}/namespaces/node`;
    createMountNamespace(path, () => {});
    expect(mountAt(`${shared}/namespaces`)?.shared).toBe(false);
    expect(deleteMountNamespace(path)).toBe(true);
    expect(ensurePrivateDirectory(`${shared}/namespaces`)).toBe(false);
  });

  it("a slave sees later mounts of a shared one outside; a private one does not", () => {
    const shared = testDirectory();
    const directory = namespaceDirectory();
    tmpfsOn(shared);
    cleanup(() => unmount(shared, { detach: true }));
    setPropagation(shared, "shared");
    mkdirSync(`${shared}/later`);
    const seen = (["slave", "private"] as const).map((propagation) => {
      const path = `${directory}/${propagation}`;
      createMountNamespace(path, () => {}, { propagation });
      cleanup(() => deleteMountNamespace(path));
      return openNamespace(path);
    });
    tmpfsOn(`${shared}/later`);
    cleanup(() => unmount(`${shared}/later`, { detach: true }));
    const sees = seen.map((namespace) => {
      using handle = namespace;
      return withNamespaces({ mount: handle }, () => mountAt(`${shared}/later`) !== undefined);
    });
    expect(sees).toEqual([true, false]);
  });

  it("do not keep a network namespace alive that is deleted outside", async () => {
    const directory = namespaceDirectory();
    const witness = testNetns();
    const doomed = testNetns();
    run("ip", "-n", witness.name, "link", "add", "octw", "type", "veth", "peer", "name", "octd", "netns", doomed.name);
    const path = `${directory}/node`;
    createMountNamespace(path, () => {});
    cleanup(() => deleteMountNamespace(path));
    expect(mountAt(doomed.path)?.type).toBe("nsfs");
    doomed.handle.close();
    expect(deleteNetworkNamespace(doomed.path)).toBe(true);
    await eventually(() => run("ip", "-n", witness.name, "link", "show", "type", "veth") === "");
  });

  it("can show /sys of a network namespace, and hold network namespaces that only they see", () => {
    const directory = namespaceDirectory();
    const netns = testDirectory();
    const { handle, name } = testNetns();
    run("ip", "-n", name, "link", "add", "octbr", "type", "bridge");
    const path = `${directory}/node`;
    withNetns(handle, () =>
      createMountNamespace(path, () => {
        mount({ source: "sysfs", target: "/sys", type: "sysfs" });
        tmpfsOn(netns);
      }),
    );
    cleanup(() => deleteMountNamespace(path));
    using namespace = openNamespace(path);
    expect(withNamespaces({ mount: namespace }, () => readdirSync("/sys/class/net").toSorted())).toEqual([
      "lo",
      "octbr",
    ]);
    withNamespaces({ mount: namespace }, () => createNetworkNamespace(`${netns}/pod`));
    expect(existsSync(`${netns}/pod`)).toBe(false);
    expect(withNamespaces({ mount: namespace }, () => deleteNetworkNamespace(`${netns}/pod`))).toBe(true);
  });

  it("can have another root, by pivot_root", () => {
    const directory = namespaceDirectory();
    const root = testDirectory();
    writeFileSync(`${root}/marker`, "new root");
    mkdirSync(`${root}/old`);
    const path = `${directory}/node`;
    createMountNamespace(path, () => {
      bindMount(root, root);
      pivotRoot(root, `${root}/old`);
      unmount("/old", { detach: true });
    });
    cleanup(() => deleteMountNamespace(path));
    using namespace = openNamespace(path);
    expect(withNamespaces({ mount: namespace }, () => readFileSync("/marker", "utf8"))).toBe("new root");
    expect(existsSync("/marker")).toBe(false);
  });
});

describe("mountinfo", () => {
  it("is read with optional fields, none or several, and octal escapes", () => {
    const text = [
      "36 35 98:0 /mnt1 /mnt\\0402 rw,noatime master:1 shared:7 - ext3 /dev/root rw,errors=continue",
      "22 27 0:21 / /proc rw,relatime - proc proc rw",
      "",
    ].join("\n");
    expect(parseMountInfo(text)).toEqual([
      { id: 36, parent: 35, target: "/mnt 2", type: "ext3", source: "/dev/root", shared: true },
      { id: 22, parent: 27, target: "/proc", type: "proc", source: "proc", shared: false },
    ]);
    expect(() => parseMountInfo("36 35 98:0 / /mnt rw")).toThrow(TypeError);
  });
});
