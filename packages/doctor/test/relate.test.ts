import { type Finding, relate } from "@ocicat/doctor";
import { expect, it } from "vitest";

const blocked: Finding = {
  code: "BGP_BLOCKED",
  severity: "error",
  node: "node1",
  where: "TCP port 179 of node2",
  what: "no answer",
  why: "",
  mend: { command: "ocicat doctor", node: "node2" },
  sure: "certain",
  about: { traffic: "bgp", peer: "node2" },
};
const firewall: Finding = {
  ...blocked,
  code: "FIREWALL_DROPS",
  node: "node2",
  where: "inet filter input",
  mend: { command: "nft insert rule …", node: "node2" },
  about: { traffic: "bgp" },
};
const diagnoses = (...there: readonly Finding[]) => [
  { node: "node1", findings: [blocked], notLooked: [] },
  { node: "node2", findings: there, notLooked: [] },
];

it("gives a finding that points to another node what was found there", () => {
  expect(relate(diagnoses(firewall))[0]?.findings).toEqual([
    { ...blocked, what: "no answer; FIREWALL_DROPS on node2: inet filter input", mend: firewall.mend },
  ]);
});

it("leaves it as it is where nothing was found there that is about the same", () => {
  const other: Finding = { ...firewall, about: { traffic: "pods" } };
  expect(relate(diagnoses(other))[0]?.findings).toEqual([blocked]);
  const mutual: Finding = { ...blocked, node: "node2", mend: { command: "ocicat doctor", node: "node1" } };
  expect(relate(diagnoses(mutual))[0]?.findings).toEqual([blocked]);
});
