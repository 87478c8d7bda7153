export type { Election, ElectionOptions, Term } from "./election.ts";
export { KeyElection, LEADER_KEY } from "./key-election.ts";
export {
  type Announced,
  LeaseElection,
  type LeaseElectionOptions,
  type LeaseRecord,
  type LeaseStore,
} from "./lease-election.ts";
