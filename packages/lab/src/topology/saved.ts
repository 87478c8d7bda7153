import { existsSync, readFileSync } from "node:fs";
import { OcicatError } from "@ocicat/kit";
import { type Address, formatAddress } from "@ocicat/net";
import { writeWhole } from "../world/files.ts";
import type { LabPlaces } from "../world/places.ts";
import { formatPortMapping } from "./capabilities.ts";
import { type InterfaceAddress, type LabPlug, type LabStation, parseTopology, type Topology } from "./topology.ts";

/** Keeps the topology of a running lab, in the form it is written in by hand: there is one reader for both. */
export function saveTopology(places: LabPlaces, topology: Topology): void {
  writeWhole(places.topologyFile, topologyText(topology));
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

/** Two topologies are the same if their texts are. */
export function topologyText(topology: Topology): string {
  return `${JSON.stringify(plainTopology(topology), null, 2)}\n`;
}

/** A station as it is written in a topology. */
export interface PlainStation {
  readonly name: string;
  readonly segment: string;
  /** address/length */
  readonly address: string;
  readonly gateway?: string;
  readonly address6?: string;
  readonly gateway6?: string;
}

/** The topology with one node more, held against all rules of a topology. Throws TopologyError. */
export function withNode(topology: Topology, node: PlainStation): Topology {
  const plain = plainTopology(topology);
  return parseTopology(JSON.stringify({ ...plain, nodes: [...plain.nodes, node] }), `lab ${topology.name}`);
}

export function withoutNode(topology: Topology, name: string): Topology {
  return {
    ...topology,
    nodes: topology.nodes.filter((node) => node.name !== name),
    pods: topology.pods.filter((pod) => pod.node !== name),
  };
}

function plainTopology(topology: Topology) {
  return {
    ...topology,
    nodes: topology.nodes.map(plainStation),
    hosts: topology.hosts.map(plainStation),
    routers: topology.routers.map((router) => ({
      name: router.name,
      interfaces: router.interfaces.map(plainPlug),
    })),
    pods: topology.pods.map((pod) => ({ ...pod, ports: pod.ports.map(formatPortMapping) })),
  };
}

function plainStation(station: LabStation): PlainStation {
  return {
    name: station.name,
    ...plainPlug(station),
    ...(station.gateway === undefined ? {} : { gateway: formatAddress(station.gateway) }),
    ...(station.gateway6 === undefined ? {} : { gateway6: formatAddress(station.gateway6) }),
  };
}

function plainPlug(plug: LabPlug) {
  return {
    segment: plug.segment,
    address: addressText(plug.interface),
    ...(plug.interface6 === undefined ? {} : { address6: addressText(plug.interface6) }),
  };
}

function addressText({ address, prefixLength }: InterfaceAddress<Address>): string {
  return `${formatAddress(address)}/${prefixLength}`;
}
