import { describe, expect, it } from "vitest";
import { describeRule } from "../../src/index.ts";
import { readRule } from "../../src/read/rule.ts";

const read = (rule: Record<string, unknown>, namespace?: string) => readRule(rule, namespace, "spec.ingress[0]");

describe("a rule", () => {
  it("is read with all that it asks for", () => {
    const rule = read(
      {
        action: "Allow",
        protocol: "tcp",
        source: { nets: ["10.0.0.0/8"], notNets: ["10.1.0.0/16"] },
        destination: { ports: [80, "8000:8100", "web"], notPorts: [8001] },
      },
      "prod",
    );
    expect(rule).toMatchObject({ action: "allow", protocol: 6, ipVersion: 4, broken: undefined });
    expect(describeRule(rule)).toBe(
      "Allow TCP from 10.0.0.0/8 not 10.1.0.0/16 to ports 80, 8000-8100, web not port 8001",
    );
  });

  it("takes a service of the policy's namespace unless told", () => {
    const rule = (services: object) => read({ action: "Allow", destination: { services } }, "prod").destination.service;
    expect(rule({ name: "db" })).toEqual({ name: "db", namespace: "prod" });
    expect(rule({ name: "db", namespace: "other" })).toEqual({ name: "db", namespace: "other" });
  });

  it.each([
    ["networks of IPv6 alone", { source: { nets: ["fd00::/8"] } }, 6],
    ["what is not in networks of IPv6 is of IPv6", { source: { notNets: ["fd00::/8"] } }, 6],
    ["networks of both", { source: { nets: ["fd00::/8", "10.0.0.0/8"] } }, undefined],
    [
      "networks of both, and of one at the other end",
      { source: { nets: ["fd00::/8", "10.0.0.0/8"] }, destination: { nets: ["10.1.0.0/16"] } },
      4,
    ],
    ["IPv4-mapped networks mean IPv4", { source: { nets: ["::ffff:10.0.0.0/104"] } }, 4],
    ["no networks", {}, undefined],
  ])("knows its version of IP: %s", (_, parts, version) => {
    expect(read({ action: "Allow", ...parts }).ipVersion).toBe(version);
  });

  it.each([
    ["an unknown action", { action: "Permit" }],
    ["a port beyond the last", { action: "Allow", protocol: "TCP", destination: { ports: [70_000] } }],
    ["a selector without its brace", { action: "Allow", source: { selector: "a in {'b'" } }],
    ["ports without a protocol", { action: "Allow", destination: { ports: [80] } }],
    ["ports of a protocol without any", { action: "Allow", protocol: "ICMP", destination: { ports: [80] } }],
    ["ICMP of TCP", { action: "Allow", protocol: "TCP", icmp: { type: 8 } }],
    ["an ICMP code without a type", { action: "Allow", protocol: "ICMP", icmp: { code: 0 } }],
    ["HTTP", { action: "Allow", http: { methods: ["GET"] } }],
    [
      "networks that cannot both hold",
      { action: "Allow", source: { nets: ["10.0.0.0/8"] }, destination: { nets: ["fd00::/8"] } },
    ],
    ["a field that nobody knows, which may narrow it", { action: "Allow", destination: { domains: ["example.org"] } }],
    ["no rule at all", "allow"],
  ])("opens nothing where it cannot be understood: %s", (_, given) => {
    for (const action of ["Allow", "Log"]) {
      const rule = readRule(
        typeof given === "string" || given.action === "Permit" ? given : { ...given, action },
        undefined,
        "f",
      );
      if (rule.action === "allow" || rule.action === "log") expect(rule.broken).toBeTypeOf("string");
      else expect(rule).toMatchObject({ action: "deny", broken: undefined });
    }
    for (const action of ["Deny", "Pass"]) {
      const rule = readRule(
        typeof given === "string" || given.action === "Permit" ? given : { ...given, action },
        undefined,
        "f",
      );
      expect(rule).toMatchObject({ action: "deny", broken: undefined });
      expect(rule.closed).toBeTypeOf("string");
      expect(describeRule(rule)).toMatch(/^Deny everything: /);
    }
  });
});
