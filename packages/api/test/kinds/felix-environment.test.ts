import { describe, expect, it } from "vitest";
import { felixFromEnvironment, felixVariablesWithoutEffect } from "../../src/index.ts";

describe("what the environment sets of FelixConfiguration", () => {
  it.each([
    ["FELIX_DEFAULTENDPOINTTOHOSTACTION", "ACCEPT", { defaultEndpointToHostAction: "Accept" }],
    ["FELIX_IPINIPMTU", "1440", { ipipMTU: 1440 }],
    ["FELIX_VXLANPORT", "8472", { vxlanPort: 8472 }],
    ["FELIX_HEALTHENABLED", "true", { healthEnabled: true }],
    ["FELIX_HEALTHENABLED", "0", { healthEnabled: false }],
    ["FELIX_ALLOWVXLANPACKETSFROMWORKLOADS", "yes", { allowVXLANPacketsFromWorkloads: true }],
    ["FELIX_ROUTEREFRESHINTERVAL", "90", { routeRefreshInterval: "1m30s" }],
    ["FELIX_ROUTEREFRESHINTERVAL", "10s", { routeRefreshInterval: "10s" }],
    ["FELIX_INTERFACEPREFIX", "cali,tap", { interfacePrefix: "cali,tap" }],
    ["FELIX_FAILSAFEINBOUNDHOSTPORTS", "none", { failsafeInboundHostPorts: [] }],
    [
      "FELIX_FAILSAFEINBOUNDHOSTPORTS",
      "tcp:22, udp:10.0.0.0/8:68,tcp:[fd00::/8]:443",
      {
        failsafeInboundHostPorts: [
          { protocol: "tcp", port: 22 },
          { protocol: "udp", port: 68, net: "10.0.0.0/8" },
          { protocol: "tcp", port: 443, net: "fd00::/8" },
        ],
      },
    ],
    [
      "FELIX_FAILSAFEOUTBOUNDHOSTPORTS",
      "53",
      {
        failsafeOutboundHostPorts: [
          { protocol: "tcp", port: 53 },
          { protocol: "udp", port: 53 },
        ],
      },
    ],
    ["FELIX_VXLANPORT", "", {}],
    ["FELIX_BPFENABLED", "true", {}],
    ["SOMETHING_ELSE", "1", {}],
  ])("%s=%s", (variable, text, spec) => {
    expect(felixFromEnvironment({ [variable]: text })).toEqual(spec);
  });

  it.each([
    ["FELIX_DEFAULTENDPOINTTOHOSTACTION", "MAYBE", "Drop, Accept, Return"],
    ["FELIX_VXLANPORT", "70000", "65535"],
    ["FELIX_FAILSAFEINBOUNDHOSTPORTS", "tcp:22,wibble", "[1]"],
    ["FELIX_FAILSAFEINBOUNDHOSTPORTS", "tcp:99999", "port"],
  ])("%s=%s is refused by name, and what would do is said", (variable, text, hint) => {
    expect(() => felixFromEnvironment({ [variable]: text })).toThrow(variable);
    expect(() => felixFromEnvironment({ [variable]: text })).toThrow(hint);
  });

  it("names what is set in vain, but for what holds anyway", () => {
    const env = {
      FELIX_BPFENABLED: "true",
      FELIX_IPV6SUPPORT: "true",
      FELIX_WIREGUARDENABLED: "FALSE",
      FELIX_VXLANPORT: "1",
    };
    expect(felixVariablesWithoutEffect(env)).toEqual(["FELIX_BPFENABLED"]);
  });
});
