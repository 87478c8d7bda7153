import { parseAddress } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import {
  type Connection,
  type ConnectionName,
  type ConnectionQuery,
  ConnectionStatus,
  type ConnectionTuple,
} from "../kernel/connection.ts";
import type { Kernel } from "../kernel/kernel.ts";
import type { Subject } from "./fixture.ts";

function tuple(source: string, destination: string, change: Partial<ConnectionTuple> = {}): ConnectionTuple {
  const plain = { protocol: 6, sourcePort: 40000, destinationPort: 80, icmp: undefined };
  return { source: parseAddress(source), destination: parseAddress(destination), ...plain, ...change };
}

function turned({ source, destination, sourcePort, destinationPort, ...rest }: ConnectionTuple): ConnectionTuple {
  return {
    ...rest,
    source: destination,
    destination: source,
    sourcePort: destinationPort,
    destinationPort: sourcePort,
  };
}

function connection(original: ConnectionTuple, change: Partial<Connection> = {}): Connection {
  const { assured, confirmed, seenReply } = ConnectionStatus;
  const tcpState = original.protocol === 6 ? 3 : undefined;
  const status = seenReply | assured | confirmed;
  return { original, reply: turned(original), zone: 0, id: 0, status, mark: 0, timeout: 600, tcpState, ...change };
}

const ECHO = { id: 4711, type: 8, code: 0 };
const PORTLESS = { sourcePort: undefined, destinationPort: undefined };

const WEB = connection(tuple("10.244.0.2", "10.244.1.3"));
/** To a service's address, answered by the pod behind it. */
const TRANSLATED = connection(tuple("10.244.0.2", "10.96.0.10", { protocol: 17, destinationPort: 53 }), {
  reply: tuple("10.244.1.4", "10.244.0.2", { protocol: 17, sourcePort: 53, destinationPort: 40000 }),
  status: ConnectionStatus.confirmed | ConnectionStatus.seenReply,
});
const PING = connection(tuple("10.244.1.3", "10.244.0.2", { protocol: 1, ...PORTLESS, icmp: ECHO }), {
  reply: tuple("10.244.0.2", "10.244.1.3", { protocol: 1, ...PORTLESS, icmp: { ...ECHO, type: 0 } }),
});
const SIX = connection(tuple("fd00::2", "fd00:1::3", { protocol: 17 }), { mark: 0x20000 });

function listed(kernel: Kernel, query: ConnectionQuery): Connection[] {
  const found: Connection[] = [];
  kernel.connections(query, (each) => found.push(each));
  return found.toSorted((a, b) => a.original.protocol - b.original.protocol || a.zone - b.zone);
}

/** Without what the kernel chooses or lets run down. */
function known(connection: Connection): object {
  const { timeout } = connection;
  return { ...connection, id: 0, timeout: timeout !== undefined && timeout > 500 && timeout <= 600 };
}

function nameOf({ original, zone, id }: Connection): ConnectionName {
  return { original, zone, id };
}

export function connectionCompliance(namespace: () => Subject): void {
  const filled = (...connections: Connection[]): Kernel => {
    const subject = namespace();
    for (const each of connections) subject.track(each);
    return subject.kernel;
  };

  describe("connections", () => {
    it("are none in a new namespace", () => {
      const { kernel } = namespace();
      expect(listed(kernel, { family: 4 })).toEqual([]);
      expect(listed(kernel, { family: 6 })).toEqual([]);
    });

    it("are told with both directions, translation, ICMP, mark and state, each family by itself", () => {
      const kernel = filled(WEB, TRANSLATED, PING, SIX);
      expect(listed(kernel, { family: 4 }).map(known)).toEqual([PING, WEB, TRANSLATED].map(known));
      expect(listed(kernel, { family: 6 }).map(known)).toEqual([SIX].map(known));
      const ids = listed(kernel, { family: 4 }).map(({ id }) => id);
      expect(new Set(ids).size).toBe(3);
    });

    it("are picked out by who began them, to whom, and who answers", () => {
      const kernel = filled(WEB, TRANSLATED, PING, SIX);
      const address = parseAddress;
      const found = (query: ConnectionQuery) => listed(kernel, query).map(known);
      const some = (...connections: Connection[]) => connections.map(known);
      expect(found({ family: 4, original: { source: address("10.244.0.2") } })).toEqual(some(WEB, TRANSLATED));
      expect(found({ family: 4, original: { destination: address("10.244.0.2") } })).toEqual(some(PING));
      expect(found({ family: 4, reply: { source: address("10.244.1.4") } })).toEqual(some(TRANSLATED));
      expect(found({ family: 4, reply: { destination: address("10.244.1.3") } })).toEqual(some(PING));
      expect(found({ family: 6, original: { source: address("fd00::2") } })).toEqual(some(SIX));
      expect(found({ family: 6, reply: { source: address("fd00::2") } })).toEqual([]);
      const both = {
        original: { source: address("10.244.0.2"), destination: address("10.96.0.10") },
        reply: { source: address("10.244.1.4") },
      };
      expect(found({ family: 4, ...both })).toEqual(some(TRANSLATED));
    });

    it("are deleted, and only those that were named; what is not there is ENOENT, and hides no other's success", () => {
      const kernel = filled(WEB, TRANSLATED, PING, SIX);
      const none = connection(tuple("10.244.0.2", "10.244.1.3", { destinationPort: 81 }));
      const names: ConnectionName[] = [
        { original: PING.original, zone: 0 },
        { original: none.original, zone: 0 },
        { original: SIX.original, zone: 0 },
      ];
      expect(kernel.deleteConnections(names).map((outcome) => outcome?.errno)).toEqual([
        undefined,
        "ENOENT",
        undefined,
      ]);
      expect(listed(kernel, { family: 4 }).map(known)).toEqual([WEB, TRANSLATED].map(known));
      expect(listed(kernel, { family: 6 })).toEqual([]);
      expect(kernel.deleteConnections([{ original: PING.original, zone: 0 }])[0]?.errno).toBe("ENOENT");
      expect(kernel.deleteConnections([])).toEqual([]);
    });

    it("of another id with the same tuples are not deleted", () => {
      const kernel = filled(WEB);
      const [present] = listed(kernel, { family: 4 });
      if (present === undefined) throw new Error("it is not listed");
      const another = { ...nameOf(present), id: (present.id + 1) >>> 0 };
      expect(kernel.deleteConnections([another])[0]?.errno).toBe("ENOENT");
      expect(listed(kernel, { family: 4 })).toHaveLength(1);
      expect(kernel.deleteConnections([nameOf(present)])).toEqual([undefined]);
      expect(listed(kernel, { family: 4 })).toEqual([]);
    });

    it("of different zones know nothing of each other, where the kernel has zones at all", () => {
      const inZone: ConnectionName = { original: WEB.original, zone: 7 };
      const probe = namespace().kernel.deleteConnections([inZone])[0]?.errno;
      if (probe === "EOPNOTSUPP") return;
      expect(probe).toBe("ENOENT");
      const kernel = filled(WEB, { ...WEB, zone: 7 });
      expect(listed(kernel, { family: 4 }).map(({ zone }) => zone)).toEqual([0, 7]);
      expect(kernel.deleteConnections([inZone])).toEqual([undefined]);
      expect(listed(kernel, { family: 4 }).map(({ zone }) => zone)).toEqual([0]);
    });

    it("that cannot be are refused before the kernel is asked", () => {
      const { kernel } = namespace();
      const six = parseAddress("fd00::2");
      expect(() => listed(kernel, { family: 4, original: { source: six } })).toThrow(
        expect.objectContaining({ errno: "EINVAL" }),
      );
      const mixed = { ...WEB.original, destination: six };
      const port = { ...WEB.original, destinationPort: 65536 };
      const names = [
        { original: mixed, zone: 0 },
        { original: port, zone: 0 },
        { original: WEB.original, zone: 65536 },
      ];
      expect(kernel.deleteConnections(names).map((outcome) => outcome?.errno)).toEqual(["EINVAL", "EINVAL", "EINVAL"]);
    });
  });
}
