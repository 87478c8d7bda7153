import { isOcicatError } from "@ocicat/kit";
import type { Address } from "@ocicat/net";
import { afterEach, describe, expect, it } from "vitest";
import type { Connection, Endpoint, Listener, Transport } from "../../src/index.ts";
import { eventually } from "./real-clock.ts";

/** A connection with all that was heard of it. */
class Heard {
  readonly connection: Connection;
  readonly reasons: string[] = [];
  text = "";
  bytes = 0;
  drains = 0;

  constructor(connection: Connection) {
    this.connection = connection;
  }

  listen(): this {
    this.connection.handle({
      onBytes: (bytes) => {
        this.bytes += bytes.length;
        if (this.bytes < 1000) this.text += String.fromCharCode(...bytes);
      },
      onDrain: () => {
        this.drains += 1;
      },
      onClose: (reason) => this.reasons.push(reason),
    });
    return this;
  }
}

function bytesOf(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** What every transport must do. `make` gives one whose host has the address. Real time: nothing here waits for a fixed while. */
export function transportSuite(
  name: string,
  make: () => { readonly transport: Transport; readonly address: Address },
): void {
  describe(`transport: ${name}`, () => {
    const open: { readonly listeners: Listener[]; readonly connections: Connection[] } = {
      listeners: [],
      connections: [],
    };
    afterEach(async () => {
      for (const connection of open.connections.splice(0)) connection.reset();
      for (const listener of open.listeners.splice(0)) await listener.close();
    });

    async function listening() {
      const { transport, address } = make();
      const accepted: Heard[] = [];
      const listener = await transport.listen({ address, port: 0 }, (connection) => {
        open.connections.push(connection);
        accepted.push(new Heard(connection));
      });
      open.listeners.push(listener);
      return { transport, address, accepted, remote: listener.local };
    }

    function dial(transport: Transport, remote: Endpoint, local?: Address): Promise<Heard> {
      return new Promise((resolve, reject) => {
        const connected = (connection: Connection) => {
          open.connections.push(connection);
          resolve(new Heard(connection));
        };
        transport.connect({ remote, local }, connected, ({ text }) => reject(new Error(text)));
      });
    }

    async function pair() {
      const { transport, address, accepted, remote } = await listening();
      const dialled = await dial(transport, remote, address);
      const [other] = await eventually(
        "the accepted connection",
        () => accepted,
        (list) => list.length === 1,
      );
      if (other === undefined) throw new Error("nothing was accepted");
      return { dialled, accepted: other, remote };
    }

    it("names both ends alike on both sides", async () => {
      const { dialled, accepted, remote } = await pair();
      expect(dialled.connection.remote).toEqual(remote);
      expect(accepted.connection.local).toEqual(remote);
      expect(accepted.connection.remote).toEqual(dialled.connection.local);
    });

    it("carries bytes both ways in order, also those sent before the other end listens", async () => {
      const { dialled, accepted } = await pair();
      dialled.listen().connection.send(bytesOf("one "));
      dialled.connection.send(bytesOf("two "));
      dialled.connection.send(bytesOf("three"));
      accepted.listen().connection.send(bytesOf("back"));
      await eventually(
        "the way there",
        () => accepted.text,
        (text) => text === "one two three",
      );
      await eventually(
        "the way back",
        () => dialled.text,
        (text) => text === "back",
      );
    });

    it("closes after what was sent before; the other end is told once, this one not at all", async () => {
      const { dialled, accepted } = await pair();
      dialled.listen();
      accepted.listen();
      dialled.connection.send(bytesOf("last words"));
      dialled.connection.close();
      await eventually(
        "the end",
        () => accepted.reasons,
        (reasons) => reasons.length > 0,
      );
      expect(accepted.text).toBe("last words");
      accepted.connection.close();
      expect([accepted.reasons.length, dialled.reasons.length]).toEqual([1, 0]);
    });

    it("resets: the other end is told, this one is not", async () => {
      const { dialled, accepted } = await pair();
      dialled.listen();
      accepted.listen();
      dialled.connection.reset();
      await eventually(
        "the reset",
        () => accepted.reasons,
        (reasons) => reasons.length === 1,
      );
      expect(dialled.reasons).toEqual([]);
    });

    it("sending on a connection that has ended does nothing, and does not throw", async () => {
      const { dialled, accepted } = await pair();
      dialled.listen().connection.close();
      accepted.listen();
      await eventually(
        "the end",
        () => accepted.reasons,
        (reasons) => reasons.length === 1,
      );
      expect(() => {
        dialled.connection.send(bytesOf("x"));
        accepted.connection.send(bytesOf("x"));
        dialled.connection.close();
        accepted.connection.reset();
      }).not.toThrow();
    });

    it("says when it is full, and when there is room again", async () => {
      const { dialled, accepted } = await pair();
      dialled.listen();
      const block = new Uint8Array(64 * 1024);
      let sent = 0;
      const fill = () => {
        for (let round = 0; round < 16; round++) {
          sent += block.length;
          if (!dialled.connection.send(block)) return true;
        }
        return false;
      };
      // Nobody reads at the other end, so at some time it must be full.
      await eventually("a full connection", fill, (full) => full);
      expect(dialled.drains).toBe(0);
      accepted.listen();
      await eventually(
        "room",
        () => dialled.drains,
        (drains) => drains > 0,
      );
      await eventually(
        "every byte",
        () => accepted.bytes,
        (bytes) => bytes === sent,
      );
    });

    it("fails a dial where nobody listens, with a reason", async () => {
      const { transport, address, remote } = await listening();
      await open.listeners.pop()?.close();
      await expect(dial(transport, remote, address)).rejects.toThrow(/refused/i);
    });

    it("a dial that is cancelled is not heard of again", async () => {
      const { transport, address, remote } = await listening();
      const heard: string[] = [];
      const attempt = transport.connect(
        { remote, local: address },
        () => heard.push("connected"),
        () => heard.push("failed"),
      );
      attempt.cancel();
      attempt.cancel();
      expect(heard).toEqual([]);
      // A second dial has come through, so the first would have by now.
      await dial(transport, remote, address);
      expect(heard).toEqual([]);
    });

    it("refuses to listen twice at one place, with an error of the project's kind", async () => {
      const { transport, remote } = await listening();
      const second = transport.listen({ address: remote.address, port: remote.port }, () => undefined);
      await expect(second).rejects.toSatisfy(isOcicatError);
    });
  });
}
