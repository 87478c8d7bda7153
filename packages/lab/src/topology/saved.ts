import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { OcicatError } from "@ocicat/kit";
import { formatAddress } from "@ocicat/net";
import type { LabPlaces } from "../world/places.ts";
import { type InterfaceAddress, parseTopology, type Topology } from "./topology.ts";

/** Keeps the topology of a running lab, in the same form as it was written by hand: there is one reader for both. */
export function saveTopology(places: LabPlaces, topology: Topology): void {
  mkdirSync(dirname(places.topologyFile), { recursive: true });
  writeFileSync(`${places.topologyFile}.new`, `${JSON.stringify(toPlain(topology), null, 2)}\n`);
  renameSync(`${places.topologyFile}.new`, places.topologyFile);
}

/** Throws OcicatError LAB_NOT_RUNNING if there is none. */
export function readTopology(places: LabPlaces): Topology {
  if (!existsSync(places.topologyFile)) {
    throw new OcicatError({
      code: "LAB_NOT_RUNNING",
      what: `no lab "${places.lab}" runs on this machine`,
      fix: "start one: ocicat lab up",
    });
  }
  return parseTopology(readFileSync(places.topologyFile, "utf8"), places.topologyFile);
}

function toPlain(topology: Topology): unknown {
  const text = ({ address, prefixLength }: InterfaceAddress) => `${formatAddress(address)}/${prefixLength}`;
  const station = (entry: Topology["nodes"][number]) => ({
    name: entry.name,
    segment: entry.segment,
    address: text(entry.interface),
    ...(entry.gateway === undefined ? {} : { gateway: formatAddress(entry.gateway) }),
  });
  return {
    ...topology,
    nodes: topology.nodes.map(station),
    hosts: topology.hosts.map(station),
    routers: topology.routers.map((router) => ({
      name: router.name,
      interfaces: router.interfaces.map((port) => ({ segment: port.segment, address: text(port.interface) })),
    })),
  };
}
