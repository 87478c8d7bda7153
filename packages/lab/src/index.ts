export { Lab, type LabOptions } from "./lab.ts";
export {
  loadTopology,
  openLab,
  runningLabAgents,
  runningLabEndpoint,
  runningLabName,
  topologyLabName,
} from "./open.ts";
export type { PodRecord } from "./pods/pod-book.ts";
export { parseTopology, type Topology, TopologyError } from "./topology/topology.ts";
export { LabPlaces } from "./world/places.ts";
