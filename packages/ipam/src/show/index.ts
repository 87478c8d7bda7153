export { allHolders, borrowedAddresses, findHolder, type Holder } from "./holders.ts";
export { readBlocks, readIpamConfig, type StoredBlocks } from "./read.ts";
export { type Reserved, reservedIn } from "./reserved.ts";
export { blockUsage, type PoolUsage, poolUsage, type Usage } from "./usage.ts";
