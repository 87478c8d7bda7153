import { existsSync } from "node:fs";
import { OcicatError } from "@ocicat/kit";
import { openLab, runningLabName } from "@ocicat/lab";
import type { Surroundings } from "../surroundings.ts";
import { labSite } from "./lab-site.ts";
import { nodeSite } from "./node-site.ts";
import type { Site } from "./site.ts";

/** The lab that is named; else this host, if an agent runs on it; else the lab that runs. Throws OcicatError. */
export async function siteOf(
  surroundings: Surroundings,
  { name, config }: { readonly name?: string; readonly config?: string },
): Promise<Site> {
  const own = surroundings.env.OCICAT_AGENT_SOCKET || surroundings.places.agentSocket;
  if (name === undefined && existsSync(own)) return await nodeSite(surroundings, own, config);
  const running = name ?? runningLabName();
  if (running !== undefined) return labSite(openLab(running, surroundings.tell));
  throw new OcicatError({
    code: "AGENT_NONE",
    what: "no agent runs on this host, and no lab",
    fix: "run this on a node, or start a lab with ocicat lab up",
  });
}
