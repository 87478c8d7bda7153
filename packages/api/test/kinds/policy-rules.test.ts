import { describe, expect, it } from "vitest";
import {
  type AnyResource,
  encodeStored,
  type NetworkPolicy,
  networkPolicy,
  printableResource,
} from "../../src/index.ts";
import { apply, refusals } from "../support.ts";

type Refusal = readonly [field: string, value: unknown, rule: string];

const ingress = (rule: object) => apply("NetworkPolicy", "p", { ingress: [{ action: "Allow", ...rule }] }, "default");
const egress = (rule: object) => apply("NetworkPolicy", "p", { egress: [{ action: "Allow", ...rule }] }, "default");

function policy(resource: AnyResource): NetworkPolicy {
  if (networkPolicy.is(resource)) return resource;
  throw new Error(`${resource.kind} is no NetworkPolicy`);
}

const RULE = "spec.ingress[0]";

describe("a rule", () => {
  it.each<readonly [string, object, readonly [field: string, value: unknown, rule: string]]>([
    ["an action that is none", { action: "allow" }, ["action", "allow", "choice"]],
    ["no action", { action: undefined }, ["action", undefined, "required"]],
    ["IP version 5", { ipVersion: 5 }, ["ipVersion", 5, "choice"]],
    ["a protocol that is none", { protocol: "TPC" }, ["protocol", "TPC", "protocol"]],
    ["protocol 0", { protocol: 0 }, ["protocol", 0, "protocol"]],
    ["protocol 256", { protocol: "256" }, ["protocol", "256", "protocol"]],
    ["a field that is none", { from: {} }, ["from", {}, "unknown-field"]],
    ["port 0", { protocol: "TCP", source: { ports: [0] } }, ["source.ports[0]", 0, "range"]],
    ["port -1", { protocol: "TCP", source: { ports: [-1] } }, ["source.ports[0]", -1, "range"]],
    ["half a port", { protocol: "TCP", source: { ports: [1.5] } }, ["source.ports[0]", 1.5, "range"]],
    ["port 65536", { protocol: "TCP", source: { ports: ["65536"] } }, ["source.ports[0]", "65536", "range"]],
    ["a range backwards", { protocol: "TCP", source: { ports: ["9:8"] } }, ["source.ports[0]", "9:8", "port-range"]],
    ["a range without end", { protocol: "TCP", source: { ports: ["9:"] } }, ["source.ports[0]", "9:", "port"]],
    ["a port with a sign", { protocol: "TCP", source: { ports: ["http!"] } }, ["source.ports[0]", "http!", "port"]],
    [
      "a port's name in capitals",
      { protocol: "TCP", source: { notPorts: ["Http"] } },
      ["source.notPorts[0]", "Http", "port-name"],
    ],
    ["ports without protocol", { source: { ports: [80] } }, ["source.ports", [80], "ports-protocol"]],
    [
      "ports of ICMP",
      { protocol: "ICMP", destination: { notPorts: [80] } },
      ["destination.notPorts", [80], "ports-protocol"],
    ],
    ["ports of protocol 1", { protocol: 1, source: { ports: ["a"] } }, ["source.ports", ["a"], "ports-protocol"]],
    ["an address for a network", { source: { nets: ["10.0.0.1"] } }, ["source.nets[0]", "10.0.0.1", "cidr"]],
    ["bits beyond the length", { source: { nets: ["10.0.0.1/8"] } }, ["source.nets[0]", "10.0.0.1/8", "host-bits"]],
    [
      "networks of both families",
      { source: { nets: ["10.0.0.0/8"] }, destination: { notNets: ["fd00::/8"] } },
      ["destination.notNets[0]", "fd00::/8", "ip-version"],
    ],
    [
      "a network of another version",
      { ipVersion: 6, source: { notNets: ["10.0.0.0/8"] } },
      ["source.notNets[0]", "10.0.0.0/8", "ip-version"],
    ],
    ["ICMP type 255", { protocol: "ICMP", icmp: { type: 255 } }, ["icmp.type", 255, "range"]],
    ["ICMP code 256", { protocol: "ICMP", icmp: { type: 3, code: 256 } }, ["icmp.code", 256, "range"]],
    ["a code without type", { protocol: "ICMP", icmp: { code: 1 } }, ["icmp.code", 1, "icmp-code"]],
    ["no code without type", { notICMP: { code: 1 } }, ["notICMP.code", 1, "icmp-code"]],
    ["ICMP of no protocol", { icmp: { type: 8 } }, ["icmp", { type: 8 }, "icmp-protocol"]],
    ["ICMP of TCP", { protocol: "TCP", icmp: { type: 8 } }, ["icmp", { type: 8 }, "icmp-protocol"]],
    ["ICMP of IPv6", { protocol: "ICMP", ipVersion: 6 }, ["ipVersion", 6, "icmp-version"]],
    ["protocol 58 of IPv4", { notProtocol: 58, ipVersion: 4 }, ["ipVersion", 4, "icmp-version"]],
    ["a selector that is none", { source: { selector: "a == b" } }, ["source.selector", "a == b", "selector"]],
    [
      "global() in a selector",
      { source: { notSelector: "!global()" } },
      ["source.notSelector", "!global()", "global-selector"],
    ],
    [
      "global() among others",
      { source: { namespaceSelector: "global() || has(a)" } },
      ["source.namespaceSelector", "global() || has(a)", "global-selector"],
    ],
    ["a service without name", { source: { services: {} } }, ["source.services.name", undefined, "required"]],
    [
      "a service and networks",
      { source: { services: { name: "s" }, nets: ["10.0.0.0/8"] } },
      ["source.nets", ["10.0.0.0/8"], "services"],
    ],
    [
      "a service and a selector",
      { source: { services: { name: "s" }, notSelector: "has(a)" } },
      ["source.notSelector", "has(a)", "services"],
    ],
    [
      "a service and accounts",
      { source: { services: { name: "s" }, serviceAccounts: { names: ["a"] } } },
      ["source.serviceAccounts", { names: ["a"] }, "services"],
    ],
    [
      "a service as destination of ingress",
      { destination: { services: { name: "s" } } },
      ["destination.services", { name: "s" }, "services"],
    ],
    ["HTTP in a rule that denies", { action: "Deny", http: {} }, ["http", {}, "http-action"]],
    ["HTTP over UDP", { protocol: "UDP", http: {} }, ["protocol", "UDP", "http-protocol"]],
    ["a method twice", { http: { methods: ["GET", "GET"] } }, ["http.methods[1]", "GET", "duplicate"]],
    [
      "a path of two kinds",
      { http: { paths: [{ exact: "/a", prefix: "/b" }] } },
      ["http.paths[0]", { exact: "/a", prefix: "/b" }, "http-path"],
    ],
    ["a path of no kind", { http: { paths: [{}] } }, ["http.paths[0]", {}, "http-path"]],
    ["a path with a question", { http: { paths: [{ exact: "/a?b" }] } }, ["http.paths[0]", "/a?b", "http-path"]],
    ["a path that is relative", { http: { paths: [{ prefix: "a" }] } }, ["http.paths[0]", "a", "http-path"]],
    ["a note without name", { metadata: { annotations: { "/": "a" } } }, ["metadata.annotations", "/", "label-key"]],
  ])("is refused for %s", (_why, rule, [field, value, broken]) => {
    expect(refusals(() => ingress(rule))).toEqual([[`${RULE}.${field}`, value, broken]]);
  });

  it.each<readonly [string, object, Refusal]>([
    [
      "a service as source",
      { source: { services: { name: "s" } } },
      ["spec.egress[0].source.services", { name: "s" }, "services"],
    ],
    [
      "a service and ports",
      { protocol: "TCP", destination: { services: { name: "s" }, ports: [80] } },
      ["spec.egress[0].destination.ports", [80], "services"],
    ],
    ["HTTP", { http: { methods: ["GET"] } }, ["spec.egress[0].http", { methods: ["GET"] }, "http-direction"]],
  ])("of egress is refused for %s", (_why, rule, refusal) => {
    expect(refusals(() => egress(rule))).toEqual([refusal]);
  });

  it.each<readonly [string, object]>([
    [
      "ports of every form",
      { protocol: "SCTP", source: { ports: [1, "65535", "1:65535", "http"], notPorts: ["a-1"] } },
    ],
    ["ports of protocols by number", { protocol: 132, destination: { ports: [80] } }],
    ["ICMP by name and by number", { protocol: 1, icmp: { type: 0, code: 0 }, notICMP: { type: 254 } }],
    ["ICMPv6", { protocol: "ICMPv6", ipVersion: 6, icmp: { type: 128 } }],
    ["ICMP of a protocol that it is not", { notProtocol: "ICMP", ipVersion: 4 }],
    ["what is in no namespace", { source: { namespaceSelector: " global() ", selector: "has(a)" } }],
    ["networks of one family", { ipVersion: 6, source: { nets: ["fd00::/8"], notNets: ["fd00:1::/32"] } }],
    [
      "a service as source, with ports",
      { protocol: "TCP", source: { services: { name: "s", namespace: "n" }, ports: [80] } },
    ],
    ["HTTP", { http: { methods: ["GET", "PUT"], paths: [{ exact: "/a" }, { prefix: "/b/" }] } }],
    ["HTTP over protocol 6", { protocol: 6, http: { methods: ["GET"] } }],
    ["empty lists beside a service", { source: { services: { name: "s" }, nets: [], selector: "" } }],
    ["service accounts", { source: { serviceAccounts: { names: ["a"], selector: "has(b)" } } }],
    ["notes", { metadata: { annotations: { "a/B": "any text" } } }],
  ])("is accepted with %s", (_what, rule) => {
    expect(refusals(() => ingress(rule))).toEqual([]);
  });

  it("tells every mistake, and the column of a selector's", () => {
    const rule = { action: "Alow", protocol: "TCP", source: { ports: [0, 99999], selector: "a = 'b'" } };
    expect(() => ingress(rule)).toThrow(/action: "Alow".*column 3: a single '='.*ports\[0\]: 0 .*ports\[1\]: 99999/);
    expect(refusals(() => ingress(rule)).map(([field]) => field)).toEqual([
      `${RULE}.action`,
      `${RULE}.source.selector`,
      `${RULE}.source.ports[0]`,
      `${RULE}.source.ports[1]`,
    ]);
  });

  it("brings protocols and ports to one form", () => {
    const [rule] =
      policy(ingress({ protocol: "udplite", notProtocol: "6", source: {}, destination: {} })).spec.ingress ?? [];
    expect(rule).toMatchObject({ protocol: "UDPLite", notProtocol: 6 });
    const [ports] =
      policy(ingress({ protocol: "tcp", source: { ports: ["80", "81:81", "82:83"] } })).spec.ingress ?? [];
    expect(ports?.source.ports).toEqual([80, 81, "82:83"]);
  });

  it("is stored with both ends in Calico's order, and shown without the empty one", () => {
    const resource = egress({ destination: { ports: [53] }, notProtocol: "TCP", protocol: "UDP", ipVersion: 4 });
    expect(encodeStored(resource)).toContain(
      '"egress":[{"action":"Allow","ipVersion":4,"protocol":"UDP","notProtocol":"TCP","source":{},"destination":{"ports":[53]}}]',
    );
    expect(printableResource(resource)).toMatchObject({
      spec: {
        egress: [{ action: "Allow", ipVersion: 4, protocol: "UDP", notProtocol: "TCP", destination: { ports: [53] } }],
      },
    });
    expect(JSON.stringify(printableResource(resource))).not.toContain("source");
  });
});
