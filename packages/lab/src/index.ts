export { Lab, type LabState, type RunPod } from "./lab.ts";
export {
  loadTopology,
  openLab,
  openLabHere,
  openMachine,
  runningLabAgents,
  runningLabEndpoint,
  runningLabName,
  type Scenario,
  topologyLabName,
} from "./open.ts";
export type { LabOptions } from "./options.ts";
export type { PodRecord } from "./pods/pod-book.ts";
export type { InventoryRow } from "./status.ts";
export { type Bandwidth, type PortMapping, parsePortMapping } from "./topology/capabilities.ts";
export { parseLabels } from "./topology/labels.ts";
export { parseTopology, type Topology, TopologyError } from "./topology/topology.ts";
export { bootUml, cutPower, type UmlBoot } from "./uml/boot.ts";
export { runInMachine } from "./uml/client.ts";
export type { TerminalSize } from "./uml/command-line.ts";
export { findUmlKernel } from "./uml/kernel.ts";
export { LabPlaces } from "./world/places.ts";
