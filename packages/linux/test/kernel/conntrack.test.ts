import { parseAddress } from "@ocicat/net";
import { type AttributeSink, MessageWriter } from "@ocicat/netlink";
import { describe, expect, it } from "vitest";
import { type Kernel, openKernel } from "../../src/index.ts";
import { cleanup, run, testNetns } from "../helpers.ts";

const NEW = 1 << 8;
const CREATE = 0x605;
const IPV4 = Uint8Array.of(2, 0, 0, 0);
/** Seen both ways, assured, confirmed. */
const LIVING = 0xe;
const MANY = 20_000;

/** Connections 10.0.x.y:1 → 10.9.9.9:2, written in bulk: the tool would take a process each. */
function fill(kernel: Kernel, count: number): void {
  const ends = (tuple: AttributeSink, from: number, to: number, fromPort: number, toPort: number) =>
    tuple
      .nested(1, (ip) => ip.u32be(1, from).u32be(2, to))
      .nested(2, (proto) => proto.u8(1, 17).u16be(2, fromPort).u16be(3, toPort));
  for (let index = 0; index < count; index++) {
    const pod = 0x0a00_0000 + index;
    const out = new MessageWriter()
      .begin(NEW, CREATE, 1, IPV4)
      .nested(1, (tuple) => ends(tuple, pod, 0x0a09_0909, 1, 2))
      .nested(2, (tuple) => ends(tuple, 0x0a09_0909, pod, 2, 1))
      .u32be(3, LIVING)
      .u32be(7, 600);
    kernel.nftQuery(out.finish());
  }
}

describe("a table of many connections", () => {
  it("is read one by one, of which the kernel picks out one endpoint's, and emptied in batches", () => {
    const { handle, name } = testNetns();
    const kernel = openKernel({ namespace: handle });
    cleanup(() => kernel.close());
    fill(kernel, MANY);
    const pods = new Set<number | bigint>();
    kernel.connections({ family: 4 }, ({ original }) => pods.add(original.source));
    expect(pods.size).toBe(MANY);

    const found: (number | undefined)[] = [];
    const source = parseAddress("10.0.0.77");
    kernel.connections({ family: 4, original: { source } }, ({ original }) => found.push(original.destinationPort));
    expect(found).toEqual([2]);

    const all: Parameters<Kernel["deleteConnections"]>[0][number][] = [];
    kernel.connections({ family: 4 }, ({ original, zone, id }) => all.push({ original, zone, id }));
    expect(kernel.deleteConnections(all).filter((outcome) => outcome !== undefined)).toEqual([]);
    expect(run("ip", "netns", "exec", name, "conntrack", "-C").trim()).toBe("0");
  });

  it("is read to its end although the reader throws, so that the next request is answered", () => {
    const { handle } = testNetns();
    const kernel = openKernel({ namespace: handle });
    cleanup(() => kernel.close());
    fill(kernel, 1000);
    const fault = new Error("enough");
    const read = () =>
      kernel.connections({ family: 4 }, () => {
        throw fault;
      });
    expect(read).toThrow(fault);
    let count = 0;
    kernel.connections({ family: 4 }, () => (count += 1));
    expect(count).toBe(1000);
  });
});
