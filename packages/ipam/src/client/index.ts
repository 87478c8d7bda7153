export type { AffinityRelease, ReleaseAffinityOptions } from "./affinity/affinities.ts";
export { createIpam, type Ipam, type IpamOptions, LOAD_BALANCER } from "./ipam.ts";
export { goTimestamp, parseGoTimestamp } from "./timestamp.ts";
export type {
  AssignedAddress,
  AssignIpRequest,
  AssignIpsRequest,
  AssignRequest,
  Extra,
  ReleaseAddress,
  ReleaseRequest,
  ReleaseResult,
  Want,
} from "./types.ts";
