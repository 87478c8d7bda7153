import { isOcicatError, OcicatError } from "@ocicat/kit";
import { familyOf } from "@ocicat/net";
import { type Candidate, formatCandidate } from "./detection.ts";

/** Why an address is not found or may not be taken; throws what is anything else. */
export function problemIn(error: unknown): string {
  if (!isOcicatError(error) || error.code !== "NODE_ADDRESS") throw error;
  return error.message;
}

export function addressTaken(nodeName: string, taken: Candidate, other: string): OcicatError {
  const family = familyOf(taken.address) === 4 ? "IP" : "IP6";
  return new OcicatError({
    code: "NODE_ADDRESS",
    where: `node ${nodeName}`,
    what: `its address ${formatCandidate(taken)} is node ${other}'s already`,
    why: "the detection took an interface that is the same on all machines, or this machine was another node before",
    fix: `set ${family}_AUTODETECTION_METHOD, or ocicat delete node ${other} if there is no such node any more`,
  });
}

export function noAddress(nodeName: string): OcicatError {
  return new OcicatError({
    code: "NODE_ADDRESS",
    where: `node ${nodeName}`,
    what: "it has neither an IPv4 nor an IPv6 address",
    why: "IP and IP6 are both none, and the Node resource has none",
    fix: "set IP or IP6 to autodetect or to an address",
  });
}
