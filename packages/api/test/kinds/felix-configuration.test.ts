import { describe, expect, it } from "vitest";
import {
  decodeStored,
  type FelixConfiguration,
  felixConfiguration,
  felixParameters,
  felixSettings,
} from "../../src/index.ts";
import { apply, refusals } from "../support.ts";
import { FELIX_NAMES } from "./felix-names.ts";

const sections = Object.entries(FELIX_NAMES).map(([section, names]) => [section, names.trim().split(/\s+/)] as const);

function felix(spec: object, name = "default"): FelixConfiguration {
  const resource = apply("FelixConfiguration", name, spec);
  if (!felixConfiguration.is(resource)) throw new Error("not a FelixConfiguration");
  return resource;
}

describe("the table of parameters", () => {
  it("holds every name there is, and no other", () => {
    const names = sections.flatMap(([, list]) => list);
    expect(names.length).toBe(187);
    expect(Object.keys(felixParameters).sort()).toEqual([...names].sort());
  });

  it.each(sections)("has those of %s in their section", (section, names) => {
    const found = Object.entries(felixParameters).filter(([, parameter]) => parameter.section === section);
    expect(found.map(([name]) => name).sort()).toEqual([...names].sort());
  });

  it("accepts each standard as a value, and keeps it", () => {
    for (const [name, { standard }] of Object.entries(felixParameters)) {
      if (standard !== undefined) expect(felix({ [name]: standard }).spec).toHaveProperty(name, standard);
    }
  });

  it("checks the type of each: an object of objects, or a list of lists, is the value of none", () => {
    const wrong = { no: { such: "thing" } };
    for (const name of Object.keys(felixParameters)) {
      const field = `spec.${name}`;
      const found = [...refusals(() => felix({ [name]: wrong })), ...refusals(() => felix({ [name]: [[wrong]] }))];
      expect(found.length, name).toBeGreaterThanOrEqual(2);
      expect(
        found.every(([at]) => at.startsWith(field)),
        name,
      ).toBe(true);
    }
  });
});

describe("values", () => {
  it.each([
    ["logSeverityScreen", "WARNING", "Warning"],
    ["logSeverityScreen", "Trace", "Trace"],
    ["routeRefreshInterval", "90s", "1m30s"],
    ["routeRefreshInterval", "0", "0s"],
    ["defaultEndpointToHostAction", "ACCEPT", "Accept"],
    ["iptablesBackend", "nft", "NFT"],
    ["interfacePrefix", "cali,tap", "cali,tap"],
    ["featureDetectOverride", "SNATFullyRandom=true,RestoreSupportsLock=", "SNATFullyRandom=true,RestoreSupportsLock="],
    ["logActionRateLimit", "10/second", "10/second"],
    ["kubeNodePortRanges", ["30000:32767", 80], ["30000:32767", 80]],
    ["failsafeInboundHostPorts", [], []],
    [
      "failsafeInboundHostPorts",
      [{ protocol: "TCP", port: 22, net: "10.0.0.0/8" }],
      [{ protocol: "tcp", port: 22, net: "10.0.0.0/8" }],
    ],
    ["healthTimeoutOverrides", [{ name: "calculation", timeout: "60s" }], [{ name: "calculation", timeout: "1m0s" }]],
    ["bpfConntrackTimeouts", { tcpFinsSeen: "Auto", udpTimeout: "60s" }, { tcpFinsSeen: "Auto", udpTimeout: "1m0s" }],
    ["bpfLogFilters", { all: "tcp port 80" }, { all: "tcp port 80" }],
    ["nftablesMarkMask", 0xffff0000, 4294901760],
    ["natPortRange", "1024:2048", "1024:2048"],
  ])("%s %j", (name, value, stored) => {
    expect(felix({ [name]: value }).spec).toHaveProperty(name, stored);
  });

  it.each([
    ["logSeverityScreen", "loud", "choice"],
    ["routeRefreshInterval", 90, "type"],
    ["routeRefreshInterval", "90", "duration"],
    ["routeRefreshInterval", "-90s", "duration"],
    ["deviceRouteProtocol", 256, "range"],
    ["healthPort", 65_536, "range"],
    ["healthEnabled", "yes", "type"],
    ["natOutgoingAddress", "fd00::1", "family"],
    ["natPortRange", "2:1", "port-range"],
    ["interfacePrefix", "ca/li", "interface-name"],
    ["mtuIfacePattern", "(", "regex"],
    ["vxlanVNI", 0, "range"],
    ["logActionRateLimit", "0/second", "rate"],
    ["goGCThreshold", -2, "range"],
    ["nodeSelector", "a = 'b'", "selector"],
  ])("%s %j is refused: %s", (name, value, rule) => {
    expect(refusals(() => felix({ [name]: value }))).toEqual([[`spec.${name}`, value, rule]]);
  });

  it("of ranges of tables may be one table", () => {
    expect(refusals(() => felix({ routeTableRange: { min: 5, max: 5 } }))).toEqual([]);
  });

  it("of ranges of tables do not end before they begin", () => {
    const spec = {
      routeTableRange: { min: 5, max: 4 },
      routeTableRanges: [
        { min: 1, max: 250 },
        { min: 9, max: 8 },
      ],
    };
    expect(refusals(() => felix(spec))).toEqual([
      ["spec.routeTableRange.max", 4, "range"],
      ["spec.routeTableRanges[1].max", 8, "range"],
    ]);
  });
});

describe("names", () => {
  it.each(["default", "node.node1", "node.node1.whale.com"])("%s", (name) => {
    expect(felix({}, name).metadata.name).toBe(name);
  });

  it("that say nothing of which nodes are meant need a selector", () => {
    expect(refusals(() => felix({}, "rack1"))).toEqual([["metadata.name", "rack1", "configuration-name"]]);
    expect(felix({ nodeSelector: "rack == 'r1'" }, "rack1").metadata.name).toBe("rack1");
  });
});

describe("what has no effect yet", () => {
  it("is listed with its section, where it is set to something else than what holds anyway", () => {
    const spec = { bpfEnabled: true, wireguardMTU: 1400, healthEnabled: true, vxlanPort: 4789, nftablesMode: "Auto" };
    expect(felixConfiguration.withoutEffect(felix(spec))).toEqual([
      { field: "spec.bpfEnabled", value: true, section: "Dataplane: eBPF" },
      { field: "spec.wireguardMTU", value: 1400, section: "Overlay: Wireguard" },
    ]);
  });

  it("is nothing in a configuration that sets nothing, whatever Calico stores in it", () => {
    expect(felixConfiguration.withoutEffect(felix({}))).toEqual([]);
  });

  it("never is a parameter that is marked as having one", () => {
    const effective = Object.entries(felixParameters).filter(([, { effect }]) => effect);
    expect(effective.map(([name]) => name).sort()).toEqual([
      "allowIPIPPacketsFromWorkloads",
      "allowVXLANPacketsFromWorkloads",
      "defaultEndpointToHostAction",
      "deviceRouteProtocol",
      "failsafeInboundHostPorts",
      "failsafeOutboundHostPorts",
      "featureDetectOverride",
      "flowLogsLocalReporter",
      "healthEnabled",
      "healthHost",
      "healthPort",
      "interfacePrefix",
      "ipForwarding",
      "ipipMTU",
      "logPrefix",
      "logSeverityScreen",
      "natOutgoingExclusions",
      "nftablesRefreshInterval",
      "prometheusMetricsEnabled",
      "prometheusMetricsHost",
      "prometheusMetricsPort",
      "routeRefreshInterval",
      "serviceLoopPrevention",
      "vxlanMTU",
      "vxlanMTUV6",
      "vxlanPort",
      "vxlanVNI",
      "workloadSourceSpoofing",
    ]);
  });
});

describe("settings of a node", () => {
  it("are the standards where nothing is set", () => {
    expect(felixSettings([])).toMatchObject({
      logSeverityScreen: "Info",
      interfacePrefix: "cali",
      routeRefreshInterval: "1m30s",
      nftablesRefreshInterval: "3m0s",
      deviceRouteProtocol: 3,
      ipForwarding: "Enabled",
      natOutgoingExclusions: "IPPoolsOnly",
      healthEnabled: false,
      healthPort: 9099,
      prometheusMetricsPort: 9091,
      prometheusMetricsHost: undefined,
    });
  });

  it("are those of the strongest layer that sets them", () => {
    const layers = [
      { healthPort: 1, deviceRouteProtocol: 80, healthEnabled: true },
      { healthPort: 2, healthEnabled: false },
    ];
    expect(felixSettings(layers)).toMatchObject({ healthPort: 2, deviceRouteProtocol: 80, healthEnabled: false });
  });

  it("have their types", () => {
    const { routeRefreshInterval, healthPort, prometheusMetricsHost } = felixSettings([]);
    const typed: readonly [string, number, string | undefined] = [
      routeRefreshInterval,
      healthPort,
      prometheusMetricsHost,
    ];
    expect(typed).toEqual(["1m30s", 9099, undefined]);
  });
});

it("a stored configuration with a parameter of a later version keeps it", () => {
  const key = "/calico/resources/v3/projectcalico.org/felixconfigurations/default";
  const value =
    '{"kind":"FelixConfiguration","apiVersion":"projectcalico.org/v3","metadata":{"name":"default"},"spec":{"bpfTeleport":"On"}}';
  expect(decodeStored(felixConfiguration, { key, value, modRevision: 1n }).spec).toHaveProperty("bpfTeleport", "On");
});
