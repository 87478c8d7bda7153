import { describe, expect, it } from "vitest";
import { capabilityArgs, formatPortMapping, parsePortMapping } from "../../src/topology/capabilities.ts";

describe("a port mapping", () => {
  it.each(["8080:80/tcp", "53:5353/udp", "1:65535/tcp"])("%s reads and prints", (text) => {
    expect(formatPortMapping(parsePortMapping(text))).toBe(text);
  });

  it("is TCP unless told", () => {
    expect(parsePortMapping("8080:80").protocol).toBe("tcp");
  });

  it.each(["", "80", "0:80", "80:0", "65536:80", "80:65536", "a:b", "80:80/sctp", "1:2:3", "-1:80", "8080:80 "])(
    "%j is refused",
    (text) => {
      expect(() => parsePortMapping(text)).toThrow(/is not a pair of ports; write NODEPORT:PODPORT/);
    },
  );
});

describe("what plugins are told of a pod", () => {
  it("is nothing for a plain one", () => {
    expect(capabilityArgs([], undefined)).toEqual({});
  });

  it("has a burst for each limit, and no limit that was not asked for", () => {
    expect(capabilityArgs([], { ingress: 80_000_000, egress: undefined })).toEqual({
      bandwidth: { ingressRate: 80_000_000, ingressBurst: 8_000_000 },
    });
    expect(capabilityArgs([], { ingress: undefined, egress: 64_000 })).toEqual({
      bandwidth: { egressRate: 64_000, egressBurst: 100_000 },
    });
  });
});
