import { linkSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { connect, createServer } from "node:net";
import { join } from "node:path";
import { createLogger, type LogRecord, silentLogger, TestClock } from "@ocicat/kit";
import { describe, expect, it } from "vitest";
import { type CniBackend, type CniServerOptions, createCniServer, type ObservedOperation } from "../../src/index.ts";
import { fakeBackend, POD_RESULT } from "../support/backend.ts";
import { ADD_ENV, CONF } from "../support/plugin.ts";
import { temporaryDirectory } from "../support/temporary.ts";

const directory = temporaryDirectory();
let sockets = 0;

function options(
  answers: Partial<CniBackend> = {},
  more: Partial<CniServerOptions> = {},
): CniServerOptions & { readonly path: string } {
  sockets += 1;
  const path = join(directory, `${sockets}.sock`);
  return {
    backend: fakeBackend(answers).backend,
    logger: silentLogger,
    clock: new TestClock(),
    nodeName: "node1",
    path,
    ...more,
  };
}

function encode(env: Readonly<Record<string, string>>, stdin: string): Buffer {
  const entries = Object.entries({ OCICAT_PLUGIN: "calico", ...env }).map(([key, value]) => `${key}=${value}\0`);
  return Buffer.from(`OCICAT-CNI/1\n${entries.join("")}\0${stdin}`);
}

/** Sends bytes, closes its side, and resolves to all that comes back. */
function exchange(path: string, bytes: Buffer | string, onConnect: () => void = () => undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(path, () => socket.end(bytes, onConnect));
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    socket.on("error", reject);
    socket.on("close", () => resolve(Buffer.concat(chunks).toString()));
  });
}

const body = (answer: string) => JSON.parse(answer.slice(answer.indexOf("\n") + 1)) as { code: number; msg: string };
const conf = JSON.stringify(CONF);
const add = encode(ADD_ENV, conf);

describe("the socket", () => {
  it("is the owner's alone, and gone when the server is closed", async () => {
    const settings = options();
    const server = await createCniServer(settings);
    expect(statSync(settings.path).mode & 0o777).toBe(0o600);
    expect(statSync(settings.path).isSocket()).toBe(true);
    await server.close();
    expect(readdirSync(directory).filter((name) => name.startsWith(`${sockets}.sock`))).toEqual([]);
  });

  it("is not taken from an agent that lives", async () => {
    const settings = options();
    const living = await createCniServer(settings);
    await expect(createCniServer(settings)).rejects.toMatchObject({ code: "CNI_SOCKET_IN_USE" });
    expect(await exchange(settings.path, add)).toMatch(/^0 /);
    await living.close();
  });

  it("is taken over from one that died", async () => {
    const settings = options();
    const dead = createServer();
    await new Promise<void>((resolve) => dead.listen(`${settings.path}.first`, resolve));
    linkSync(`${settings.path}.first`, settings.path);
    await new Promise((resolve) => dead.close(resolve));
    const server = await createCniServer(settings);
    expect(await exchange(settings.path, add)).toMatch(/^0 /);
    await server.close();
  });

  it("is not put in a file's place, and needs a path that fits", async () => {
    const settings = options();
    writeFileSync(settings.path, "precious");
    await expect(createCniServer(settings)).rejects.toMatchObject({ code: "CNI_SOCKET_PATH" });
    await expect(createCniServer({ ...settings, path: `/${"x".repeat(120)}` })).rejects.toMatchObject({
      code: "CNI_SOCKET_PATH",
    });
  });

  it("of a successor is left alone by its predecessor's end", async () => {
    const settings = options();
    const old = await createCniServer(settings);
    rmSync(settings.path);
    const successor = await createCniServer(settings);
    await old.close();
    expect(await exchange(settings.path, add)).toMatch(/^0 /);
    await successor.close();
  });
});

describe("the server", () => {
  it.each([
    ["another protocol", "GET / HTTP/1.1\r\n\r\n"],
    ["another version of the protocol", Buffer.from("OCICAT-CNI/2\nCNI_COMMAND=ADD\0\0{}")],
    ["half an environment", Buffer.from("OCICAT-CNI/1\nCNI_COMMAND=ADD\0CNI_IFN")],
    ["an entry without a value's sign", Buffer.from("OCICAT-CNI/1\nCNI_COMMAND\0\0{}")],
    ["bytes that are not UTF-8", Buffer.concat([encode(ADD_ENV, ""), Buffer.from([0xff, 0xfe])])],
  ])("answers %s with an error", async (_name, bytes) => {
    const { backend, calls } = fakeBackend();
    const settings = options({}, { backend });
    const server = await createCniServer(settings);
    const answer = await exchange(settings.path, bytes);
    expect(answer).toMatch(/^1 \d+\n/);
    expect(body(answer)).toMatchObject({ code: 6, cniVersion: "1.1.0" });
    expect(calls).toEqual([]);
    await server.close();
  });

  it("runs operations on one interface one after the other, on two side by side", async () => {
    const log: string[] = [];
    const gates = new Map<string, PromiseWithResolvers<void>>();
    const begun = new Map<string, PromiseWithResolvers<void>>();
    for (const name of ["add c1", "del c1", "add c2"]) {
      gates.set(name, Promise.withResolvers<void>());
      begun.set(name, Promise.withResolvers<void>());
    }
    const step = async (name: string) => {
      log.push(`${name} begins`);
      begun.get(name)?.resolve();
      await gates.get(name)?.promise;
      log.push(`${name} ends`);
    };
    const settings = options({
      add: async ({ containerId }) => {
        await step(`add ${containerId}`);
        return POD_RESULT;
      },
      del: ({ containerId }) => step(`del ${containerId}`),
    });
    const server = await createCniServer(settings);
    const request = (command: string, id: string) =>
      encode({ ...ADD_ENV, CNI_COMMAND: command, CNI_CONTAINERID: id }, conf);
    const first = exchange(settings.path, request("ADD", "c1"));
    await begun.get("add c1")?.promise;
    const second = exchange(settings.path, request("DEL", "c1"));
    const other = exchange(settings.path, request("ADD", "c2"));
    await begun.get("add c2")?.promise;
    for (const gate of gates.values()) gate.resolve();
    expect((await Promise.all([first, second, other])).every((answer) => answer.startsWith("0 "))).toBe(true);
    expect(log.slice(0, 2)).toEqual(["add c1 begins", "add c2 begins"]);
    expect(log.indexOf("del c1 begins")).toBeGreaterThan(log.indexOf("add c1 ends"));
    await server.close();
  });

  it("tells the client of a hanging operation to try again, and lets the operation end", async () => {
    const gate = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const clock = new TestClock();
    const log: string[] = [];
    const settings = options(
      {
        add: async () => {
          begun.resolve();
          await gate.promise;
          log.push("add ended");
          return POD_RESULT;
        },
        del: () => Promise.resolve(void log.push("del")),
      },
      { clock },
    );
    const server = await createCniServer(settings);
    const hanging = exchange(settings.path, add);
    await begun.promise;
    clock.advance(80_000);
    expect(body(await hanging)).toMatchObject({ code: 11, msg: "the agent has not finished within 80 s" });
    // The next operation on the same interface still waits for it.
    const del = exchange(settings.path, encode({ ...ADD_ENV, CNI_COMMAND: "DEL" }, conf));
    await exchange(settings.path, encode({ CNI_COMMAND: "STATUS" }, conf.replace("0.3.1", "1.1.0")));
    expect(log).toEqual([]);
    gate.resolve();
    expect(await del).toBe("0 0\n");
    expect(log).toEqual(["add ended", "del"]);
    await server.close();
  });

  it("drops a client that does not finish its request", async () => {
    const clock = new TestClock();
    const settings = options({}, { clock });
    const server = await createCniServer(settings);
    const socket = connect(settings.path);
    const closed = new Promise((resolve) => socket.once("close", resolve));
    await new Promise<void>((resolve) => socket.write(add.subarray(0, 20), () => resolve()));
    // The server has the connection when another one, made later, has been answered.
    await exchange(settings.path, add);
    clock.advance(30_000);
    await closed;
    await server.close();
  });

  it("answers what runs before it closes, and does not wait for who says nothing", async () => {
    const gate = Promise.withResolvers<void>();
    const begun = Promise.withResolvers<void>();
    const settings = options({
      add: async () => {
        begun.resolve();
        await gate.promise;
        return POD_RESULT;
      },
    });
    const server = await createCniServer(settings);
    const silent = connect(settings.path);
    const silentClosed = new Promise((resolve) => silent.once("close", resolve));
    silent.on("error", () => undefined);
    const running = exchange(settings.path, add);
    await begun.promise;
    const closing = server.close();
    gate.resolve();
    expect(await running).toMatch(/^0 /);
    await closing;
    await silentClosed;
  });

  it("GC hands the list of what is valid to a backend that collects, and refuses to go without the list", async () => {
    const collected: unknown[] = [];
    const settings = options({ collect: (network, valid) => Promise.resolve(void collected.push({ network, valid })) });
    const server = await createCniServer(settings);
    const gc = (more: object) =>
      encode({ CNI_COMMAND: "GC" }, JSON.stringify({ ...CONF, cniVersion: "1.1.0", ...more }));
    const valid = { "cni.dev/valid-attachments": [{ containerID: "c1", ifname: "eth0" }] };
    expect(await exchange(settings.path, gc(valid))).toBe("0 0\n");
    expect(collected).toEqual([{ network: "k8s-pod-network", valid: [{ containerId: "c1", ifname: "eth0" }] }]);
    expect(body(await exchange(settings.path, gc({})))).toMatchObject({ code: 7 });
    expect(collected).toHaveLength(1);
    await server.close();
  });

  it("logs each request with its duration, keys without effect once, and a defect with its stack", async () => {
    const records: LogRecord[] = [];
    const observed: ObservedOperation[] = [];
    const logger = createLogger("cni", "info", (record) => records.push(record));
    let broken = false;
    const settings = options(
      { add: () => (broken ? Promise.reject(new TypeError("broken")) : Promise.resolve(POD_RESULT)) },
      { logger, observe: (operation) => observed.push(operation) },
    );
    const server = await createCniServer(settings);
    const request = encode(ADD_ENV, JSON.stringify({ ...CONF, datastore_type: "etcdv3" }));
    await exchange(settings.path, request);
    await exchange(settings.path, request);
    broken = true;
    await exchange(settings.path, request);
    expect(records.map(({ level, message }) => `${level}: ${message}`)).toEqual([
      "info: Keys of the network configuration without effect",
      "info: CNI request done",
      "info: CNI request done",
      "error: CNI request failed",
    ]);
    expect(records[1]?.fields).toMatchObject({
      command: "ADD",
      plugin: "calico",
      interface: "eth0",
      pod: "default/web-1",
      milliseconds: 0,
    });
    expect(records[3]?.fields).toMatchObject({
      code: "INTERNAL",
      cniCode: 999,
      stack: expect.stringContaining("server.test") as string,
    });
    await exchange(settings.path, encode(ADD_ENV, "{"));
    expect(records[4]?.fields).toMatchObject({ command: "ADD", plugin: "calico", interface: "eth0", cniCode: 6 });
    expect(observed.map(({ command, cniCode }) => ({ command, cniCode }))).toEqual([
      { command: "ADD", cniCode: 0 },
      { command: "ADD", cniCode: 0 },
      { command: "ADD", cniCode: 999 },
      { command: "ADD", cniCode: 6 },
    ]);
    await server.close();
  });
});
