import { once } from "node:events";
import { readdirSync, readlinkSync, statSync } from "node:fs";
import { readlink } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import {
  createNetworkNamespace,
  currentNamespace,
  deleteNetworkNamespace,
  KernelError,
  openNamespace,
  withNetns,
} from "../../src/index.ts";
import { cleanup, run, testDirectory, testNetns, uniqueName } from "../helpers.ts";

const here = () => readlinkSync("/proc/thread-self/ns/net");

describe("network namespaces", () => {
  it("a namespace made here is listed by `ip netns` and gone after deletion", () => {
    const name = uniqueName();
    createNetworkNamespace(`/run/netns/${name}`);
    cleanup(() => deleteNetworkNamespace(`/run/netns/${name}`));
    expect(run("ip", "netns", "list")).toContain(name);
    expect(run("ip", "-n", name, "-o", "link")).toMatch(/^1: lo: <LOOPBACK>/);
    expect(deleteNetworkNamespace(`/run/netns/${name}`)).toBe(true);
    expect(run("ip", "netns", "list")).not.toContain(name);
  });

  it("one made by `ip netns add` can be opened and deleted", () => {
    const name = uniqueName();
    run("ip", "netns", "add", name);
    const path = `/run/netns/${name}`;
    using handle = openNamespace(path);
    expect(handle.kind).toBe("net");
    expect(handle.inode).toBe(statSync(path).ino);
    expect(deleteNetworkNamespace(path)).toBe(true);
    expect(run("ip", "netns", "list")).not.toContain(name);
  });

  it("a second one of the same name is refused and the first is unharmed", () => {
    const { path, handle } = testNetns();
    expect(() => createNetworkNamespace(path)).toThrow(expect.objectContaining({ errno: "EEXIST", where: path }));
    using again = openNamespace(path);
    expect(again.inode).toBe(handle.inode);
  });

  it("deleting what is not there says so; a file without a mount, left by a crash, is removed", () => {
    const directory = testDirectory();
    expect(deleteNetworkNamespace(`${directory}/none`)).toBe(false);
    run("touch", `${directory}/left`);
    expect(deleteNetworkNamespace(`${directory}/left`)).toBe(true);
    expect(readdirSync(directory)).toEqual([]);
  });

  it("a file that is no namespace is refused by name", () => {
    expect(() => openNamespace("/etc/hostname")).toThrow(/\/etc\/hostname: .*ENOTTY.*not a namespace/);
    expect(() => openNamespace("/run/netns/octnone")).toThrow(expect.objectContaining({ code: "KERNEL_ENOENT" }));
  });

  it("a handle that was closed cannot be used", () => {
    const handle = currentNamespace("net");
    handle.close();
    handle.close();
    expect(() => withNetns(handle, () => 1)).toThrow(expect.objectContaining({ errno: "EBADF" }));
  });
});

describe("withNetns", () => {
  it("runs the function inside, hands its result on and comes back", () => {
    const home = here();
    const { handle } = testNetns();
    const inside = withNetns(handle, () => ({ namespace: here(), links: readdirSync("/sys/class/net").length }));
    expect(inside.namespace).toBe(`net:[${handle.inode}]`);
    expect(here()).toBe(home);
  });

  it("comes back when the function throws", () => {
    const home = here();
    const { handle } = testNetns();
    expect(() =>
      withNetns(handle, () => {
        throw new RangeError("inside");
      }),
    ).toThrow(RangeError);
    expect(here()).toBe(home);
  });

  it("nests", () => {
    const home = here();
    const outer = testNetns().handle;
    const inner = testNetns().handle;
    const seen = withNetns(outer, () => [here(), withNetns(inner, here), here()]);
    expect(seen).toEqual([outer, inner, outer].map((handle) => `net:[${handle.inode}]`));
    expect(here()).toBe(home);
  });

  it("a handle of another kind is refused", () => {
    using mount = currentNamespace("mnt");
    expect(() => withNetns(mount, () => 1)).toThrow(/it is a mnt namespace/);
  });

  it("leaves the thread pool at home, even when the function is the first to use it", async () => {
    const home = here();
    const { handle } = testNetns();
    let read: Promise<string> | undefined;
    withNetns(handle, () => {
      read = readlink("/proc/thread-self/ns/net");
    });
    expect(await read).toBe(home);
    const threads = readdirSync("/proc/self/task").map((task) => readlinkSync(`/proc/self/task/${task}/ns/net`));
    expect(new Set(threads)).toEqual(new Set([home]));
  });

  it("something asynchronous would run in the wrong namespace, and is refused after coming back", async () => {
    const home = here();
    const { handle } = testNetns();
    const seen: string[] = [];
    const asynchronous = async () => {
      seen.push(here());
      await nextTurn();
      seen.push(here());
    };
    let promise: Promise<void> | undefined;
    const attempt = () =>
      withNetns(
        handle,
        // @ts-expect-error a promise is no result of a synchronous function
        () => {
          promise = asynchronous();
          return promise;
        },
      );
    expect(attempt).toThrow(expect.objectContaining({ code: "NAMESPACE_ASYNC" }));
    expect(attempt).toThrow(KernelError);
    expect(here()).toBe(home);
    await promise;
    const inside = `net:[${handle.inode}]`;
    expect(seen).toEqual([inside, inside, home, home]);
  });

  it("refuses every form of later work that a result can have", () => {
    const { handle } = testNetns();
    const refused = expect.objectContaining({ code: "NAMESPACE_ASYNC" });
    const thenable: PromiseLike<number> = Object.create(Promise.resolve(1));
    // @ts-expect-error an async function
    expect(() => withNetns(handle, async () => 1)).toThrow(refused);
    // @ts-expect-error a thenable
    expect(() => withNetns(handle, () => thenable)).toThrow(refused);
    // @ts-expect-error a generator: its body has not run yet
    expect(() => withNetns(handle, function* later() {})).toThrow(refused);
    // @ts-expect-error a promise on one branch only
    expect(() => withNetns(handle, () => (here() === "" ? 1 : Promise.resolve(1)))).toThrow(refused);
    const unknowable: () => unknown = () => Promise.reject(new Error("hidden from the compiler"));
    expect(() => withNetns(handle, unknowable)).toThrow(refused);
  });

  it("a listener made inside stays there; with a host Node opens it a tick later, at home", async () => {
    const { handle, name } = testNetns();
    const inside = await listen(() =>
      withNetns(handle, () => void servers.at(-1)?.listen({ port: 0, exclusive: true })),
    );
    const athome = await listen(() =>
      withNetns(handle, () => void servers.at(-1)?.listen({ port: 0, host: "127.0.0.1", exclusive: true })),
    );
    expect(run("ss", "-N", name, "-Hltn")).toContain(`:${inside} `);
    expect(run("ss", "-N", name, "-Hltn")).not.toContain(`:${athome} `);
    expect(run("ss", "-Hltn")).toContain(`127.0.0.1:${athome} `);
  });
});

const servers: Server[] = [];

/** Listens on a new server by `start`, closes it after the test; the port. */
async function listen(start: () => void): Promise<number> {
  const server = createServer();
  servers.push(server);
  start();
  await once(server, "listening");
  cleanup(() => server.close());
  const address = server.address();
  if (address === null || typeof address === "string") throw new TypeError("no port");
  return address.port;
}
