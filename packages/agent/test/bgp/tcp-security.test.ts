import type { Connection, ConnectionSecurity, Listener, Trouble } from "@ocicat/bgp";
import { type Address, parseAddress, parsePrefix } from "@ocicat/net";
import { afterEach, describe, expect, it } from "vitest";
import { eventually } from "../../../bgp/test/support/real-clock.ts";
import { tcpTransport } from "../../src/bgp/tcp-transport.ts";

const LOOPBACK = parseAddress("127.0.0.1");
const LOOPBACK6 = parseAddress("::1");
const transport = tcpTransport();
const ends: (() => void)[] = [];

afterEach(() => {
  for (const end of ends.splice(0)) end();
});

interface World {
  readonly listener: Listener;
  readonly accepted: Connection[];
  readonly heard: string[];
}

/** A listener that asks of connections from `remote` what `security` says. */
async function listening(security: ConnectionSecurity, remote: Address, address?: Address): Promise<World> {
  const accepted: Connection[] = [];
  const heard: string[] = [];
  const listener = await transport.listen({ port: 0, address }, (connection) => {
    accepted.push(connection);
    ends.push(() => connection.reset());
    connection.handle({
      onBytes: (bytes) => heard.push(String.fromCharCode(...bytes)),
      onDrain: () => undefined,
      onClose: () => undefined,
    });
  });
  ends.push(() => void listener.close());
  listener.protect([{ remote, security }]);
  return { listener, accepted, heard };
}

/** What became of a dial. */
function dial(world: World, security: ConnectionSecurity, address = LOOPBACK): (Connection | Trouble)[] {
  const results: (Connection | Trouble)[] = [];
  const attempt = transport.connect(
    { remote: { address, port: world.listener.local.port }, security },
    (connection) => {
      ends.push(() => connection.reset());
      connection.handle({ onBytes: () => undefined, onDrain: () => undefined, onClose: () => undefined });
      results.push(connection);
      connection.send(Uint8Array.of(111, 107));
    },
    (why) => results.push(why),
  );
  ends.push(() => attempt.cancel());
  return results;
}

function refusals() {
  const counts = transport.md5Refusals?.();
  if (counts === undefined) throw new Error("this kernel does not count what it refuses");
  return counts;
}

describe("TCP MD5 signatures (RFC 2385) on this kernel", () => {
  it.each([
    ["IPv4", LOOPBACK, LOOPBACK],
    ["IPv4 on a listener of both families", LOOPBACK, undefined],
    ["IPv6", LOOPBACK6, LOOPBACK6],
    ["IPv6 on a listener of both families", LOOPBACK6, undefined],
  ])("carry a session where both sides have the password: %s", async (_what, remote, address) => {
    const world = await listening({ password: "sesame" }, remote, address);
    dial(world, { password: "sesame" }, remote);
    await eventually(
      "the bytes",
      () => world.heard.join(""),
      (text) => text === "ok",
    );
    expect(world.accepted).toHaveLength(1);
  });

  it("are asked for from anywhere within a prefix", async () => {
    const world = await listening({ password: "sesame" }, LOOPBACK);
    world.listener.protect([{ remote: parsePrefix("127.0.0.0/8"), security: { password: "range" } }]);
    dial(world, { password: "range" });
    await eventually(
      "the bytes",
      () => world.heard.join(""),
      (text) => text === "ok",
    );
  });

  it.each([
    ["another password is told as a mismatch", "sesame", "other", "mismatched"],
    ["no password where one is due", "sesame", undefined, "missing"],
    ["a password where none is due", undefined, "sesame", "unexpected"],
  ] as const)("refuse, and the kernel's counter says why: %s", async (_what, theirs, ours, counter) => {
    const world = await listening({ password: theirs }, LOOPBACK);
    const before = refusals();
    const results = dial(world, { password: ours });
    await eventually("the counter", refusals, (now) => now[counter] > before[counter]);
    expect(results).toEqual([]);
    expect(world.accepted).toEqual([]);
  });

  it("are no longer asked for once the peer has lost its password", async () => {
    const world = await listening({ password: "sesame" }, LOOPBACK);
    world.listener.protect([]);
    dial(world, {});
    await eventually(
      "the bytes",
      () => world.heard.join(""),
      (text) => text === "ok",
    );
  });
});

describe("TTL security (RFC 5082 §3) on this kernel", () => {
  it.each([
    ["IPv4", LOOPBACK],
    ["IPv6", LOOPBACK6],
  ])("lets through what comes with a time to live of 255: %s", async (_family, remote) => {
    const world = await listening({ ttl: 255, minTtl: 255 }, remote);
    dial(world, { ttl: 255, minTtl: 255 }, remote);
    await eventually(
      "the bytes",
      () => world.heard.join(""),
      (text) => text === "ok",
    );
  });

  it.each([
    ["IPv4", LOOPBACK],
    ["IPv6", LOOPBACK6],
  ])("drops what has come further: %s", async (_family, remote) => {
    const world = await listening({ minTtl: 255 }, remote);
    const far = dial(world, { ttl: 254 }, remote);
    await eventually(
      "the connection",
      () => far.length,
      (count) => count === 1,
    );
    // What comes from near meanwhile is heard: the far one's bytes were sent before.
    dial(world, { ttl: 255 }, remote);
    await eventually(
      "the near one's bytes",
      () => world.heard,
      (heard) => heard.length > 0,
    );
    expect(world.heard).toEqual(["ok"]);
    expect(far[0]).toMatchObject({ queued: 0 });
  });
});

describe("why there is no connection", () => {
  it("is told in kinds", async () => {
    const world = await listening({}, LOOPBACK);
    await world.listener.close();
    const refused = dial(world, {});
    const [why] = await eventually(
      "the refusal",
      () => refused,
      (list) => list.length > 0,
    );
    expect(why).toMatchObject({ kind: "refused" });
  });

  it("names a source address that is not this node's", async () => {
    const failures: Trouble[] = [];
    transport.connect(
      { remote: { address: LOOPBACK, port: 1 }, local: parseAddress("192.0.2.1") },
      () => undefined,
      (why) => failures.push(why),
    );
    const [why] = await eventually(
      "the failure",
      () => failures,
      (list) => list.length > 0,
    );
    expect(why?.kind).toBe("local-address");
  });
});
