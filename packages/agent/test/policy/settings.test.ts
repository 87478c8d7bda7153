import { felixSettings } from "@ocicat/api";
import { Protocol } from "@ocicat/policy";
import { describe, expect, it } from "vitest";
import { policySettings, tunnelsInUse } from "../../src/policy/settings.ts";

const felix = felixSettings([{ vxlanPort: 4790 }]);
const opened = (settings: ReturnType<typeof policySettings>) =>
  [settings.failsafeInbound, settings.failsafeOutbound].map((failsafes) =>
    failsafes
      .filter(({ protocol, port }) => protocol === Protocol.ipip || port === 4790)
      .map(({ protocol, port }) => [protocol, port]),
  );

describe("tunnels between nodes", () => {
  it("are closed by no host endpoint, as far as there are any", () => {
    const both = [
      [Protocol.ipip, undefined],
      [Protocol.udp, 4790],
    ];
    expect(opened(policySettings(felix, { ipip: false, vxlan: false }))).toEqual([[], []]);
    expect(opened(policySettings(felix, { ipip: true, vxlan: true }))).toEqual([both, both]);
    expect(opened(policySettings(felix, { ipip: false, vxlan: true }))).toEqual([both.slice(1), both.slice(1)]);
  });

  it("are those that a pool wants", () => {
    const pool = (ipipMode: "Never" | "Always", vxlanMode: "Never" | "CrossSubnet") => ({ ipipMode, vxlanMode });
    expect(tunnelsInUse([])).toEqual({ ipip: false, vxlan: false });
    expect(tunnelsInUse([pool("Never", "Never"), pool("Never", "CrossSubnet")])).toEqual({ ipip: false, vxlan: true });
    expect(tunnelsInUse([pool("Always", "Never")])).toEqual({ ipip: true, vxlan: false });
  });
});
