import { type Ipam, IpamError, type ReleaseAddress } from "@ocicat/ipam";
import type { Address } from "@ocicat/net";

/** An address to give back, as it was seen when it was found to be nobody's. */
export interface Release {
  readonly address: Address;
  readonly handleId: string | undefined;
  readonly sequence: bigint | undefined;
  /** The key of its block; undefined if there is none any more. */
  readonly block: string | undefined;
  /** Who uses it after all, by name; empty: nobody. */
  readonly users: string;
}

export interface BatchesResult {
  readonly released: number;
  /** Free by now without us. */
  readonly absent: number;
  readonly kept: readonly { readonly address: Address; readonly why: string }[];
}

/** A release of this many addresses is one transaction, with their block and their handles: 128 rows at most. */
const BATCH = 40;

/** Block by block. What was given anew since is kept: where one of a batch was, the others are released by themselves. */
export async function releaseInBatches(ipam: Ipam, releases: readonly Release[]): Promise<BatchesResult> {
  const unused = releases.filter(({ users }) => users === "");
  const kept = releases
    .filter(({ users }) => users !== "")
    .map(({ address, users }) => ({ address, why: `${users} uses it` }));
  let released = 0;
  let absent = 0;
  const release = async (batch: readonly Release[]): Promise<void> => {
    try {
      const result = await ipam.release({ addresses: batch.map(request) });
      released += result.released.length;
      absent += result.absent.length;
    } catch (error) {
      if (!isChanged(error)) throw error;
      const [only] = batch;
      if (batch.length === 1 && only !== undefined) kept.push({ address: only.address, why: error.message });
      else for (const member of batch) await release([member]);
    }
  };
  for (const [, members] of Map.groupBy(unused, ({ block }) => block)) {
    for (let first = 0; first < members.length; first += BATCH) await release(members.slice(first, first + BATCH));
  }
  return { released, absent, kept };
}

function request({ address, handleId, sequence }: Release): ReleaseAddress {
  return {
    address,
    ...(handleId === undefined ? {} : { handleId }),
    ...(sequence === undefined ? {} : { sequence }),
  };
}

function isChanged(error: unknown): error is IpamError {
  return error instanceof IpamError && (error.code === "IPAM_BAD_HANDLE" || error.code === "IPAM_BAD_SEQUENCE");
}
