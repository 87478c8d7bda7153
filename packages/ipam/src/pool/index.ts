export {
  choosePools,
  type IpamPool,
  type IpamSettings,
  type PoolChoice,
  type PoolUse,
  poolOf,
  poolOfBlock,
} from "./pool.ts";
export { reservationOf, reservedOrdinals } from "./reservations.ts";
export { blockCount, fnv1, walkBlocks, walkStart } from "./walk.ts";
