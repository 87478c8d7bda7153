import { describe, expect, it } from "vitest";
import { createLab, mesh, type Node, route } from "../support/lab.ts";

const IPS = ["192.168.0.80", "192.168.0.81", "192.168.0.82"];
const BLOCKS: Readonly<Record<string, string>> = {
  "192.168.0.80": "10.244.152.128/26",
  "192.168.0.81": "10.244.42.64/26",
  "192.168.0.82": "10.244.103.64/26",
};

async function meshOf(ips: readonly string[]) {
  const lab = createLab();
  const nodes = new Map<string, Node>();
  for (const ip of ips) nodes.set(ip, await lab.node(ip));
  for (const [ip, { speaker }] of nodes) {
    speaker.setOriginated([route(BLOCKS[ip] ?? `10.244.0.${ip.split(".")[3]}/32`)]);
    speaker.setPeers(mesh(ip, ips));
  }
  const node = (ip: string) => {
    const found = nodes.get(ip);
    if (found === undefined) throw new Error(`no node ${ip}`);
    return found;
  };
  return { lab, nodes, node };
}

describe("a mesh of three speakers", () => {
  it("is up, with every block known everywhere, within 100 ms of its start", async () => {
    const { lab, nodes } = await meshOf(IPS);
    lab.advance(100);
    for (const [ip, { speaker, routes }] of nodes) {
      expect(speaker.status().map(({ state }) => state)).toEqual(["Established", "Established"]);
      const others = IPS.filter((other) => other !== ip);
      expect(routes()).toEqual(others.map((other) => `${BLOCKS[other]} via ${other}`).sort());
    }
  });
});
