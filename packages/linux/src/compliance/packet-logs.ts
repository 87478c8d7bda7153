import { setImmediate as nextTurn } from "node:timers/promises";
import { ipv4 } from "@ocicat/net";
import { describe, expect, it } from "vitest";
import type { LoggedPacket } from "../kernel/packet-log.ts";
import type { Subject } from "./fixture.ts";

export function packetLogCompliance(namespace: () => Subject): void {
  const listen = (subject: Subject, ...groups: number[]) => {
    const packets: LoggedPacket[] = [];
    let lost = 0;
    const monitor = subject.kernel.packetLog(groups, (more, missing) => {
      packets.push(...more);
      lost += missing;
    });
    const until = async (count: number) => {
      while (packets.length < count) await nextTurn();
    };
    return { packets, lost: () => lost, until, close: () => monitor.close() };
  };

  describe("packet logs", () => {
    it("tell who sent what to whom, on which way, and what the rule calls itself", async () => {
      const subject = namespace();
      const log = listen(subject, 1, 2);
      subject.log(1, "APE0|default.web", 7001);
      subject.log(2, "DPI2|default.db", 7002);
      await log.until(2);
      const localhost = ipv4(0x7f00_0001);
      const common = { hook: 3, inLink: 0, outLink: 1, source: localhost, destination: localhost, protocol: 17 };
      expect(log.packets).toEqual([
        expect.objectContaining({ ...common, group: 1, prefix: "APE0|default.web", destinationPort: 7001, length: 29 }),
        expect.objectContaining({ ...common, group: 2, prefix: "DPI2|default.db", destinationPort: 7002, length: 29 }),
      ]);
      expect(log.packets[0]?.sourcePort).toBeGreaterThan(0);
      expect(log.packets[0]?.icmp).toBeUndefined();
      expect(log.lost()).toBe(0);
    });

    it("of other groups are not told", async () => {
      const subject = namespace();
      const log = listen(subject, 2);
      subject.log(1, "one", 7001);
      subject.log(2, "two", 7002);
      await log.until(1);
      expect(log.packets.map(({ prefix }) => prefix)).toEqual(["two"]);
      expect(log.lost()).toBe(0);
    });

    it("have one listener a group: a second is EPERM until the first is gone, and then hears what comes from then on", async () => {
      const subject = namespace();
      const first = listen(subject, 1, 2);
      expect(() => listen(subject, 3, 2)).toThrow(expect.objectContaining({ errno: "EPERM" }));
      first.close();
      first.close();
      subject.log(1, "nobody", 7001);
      const second = listen(subject, 3, 2, 1);
      subject.log(1, "second", 7002);
      await second.until(1);
      expect(second.packets.map(({ prefix }) => prefix)).toEqual(["second"]);
      expect(first.packets).toEqual([]);
    });

    it("of another namespace are its own", async () => {
      const subject = namespace();
      const other = namespace();
      const log = listen(subject, 1);
      const others = listen(other, 1);
      other.log(1, "there", 7001);
      subject.log(1, "here", 7002);
      await log.until(1);
      await others.until(1);
      expect(log.packets.map(({ prefix }) => prefix)).toEqual(["here"]);
      expect(others.packets.map(({ prefix }) => prefix)).toEqual(["there"]);
    });
  });
}
