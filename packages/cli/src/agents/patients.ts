import { existsSync } from "node:fs";
import { hostname } from "node:os";
import type { Diagnosis } from "@ocicat/doctor";
import { isOcicatError, OcicatError, parseJson } from "@ocicat/kit";
import { withDatastore } from "../connect/datastore.ts";
import type { LabNode } from "../connect/lab.ts";
import { readText } from "../input/files.ts";
import type { Surroundings } from "../surroundings.ts";
import { askAgent } from "./ask.ts";
import { readDiagnosis } from "./diagnosis.ts";

/** Nodes that do not answer are waited for: a second for each hundred, and more where an MTU is sought. */
const EXAMINATION_MS = 60_000;

/** A node that can be looked at. */
export interface Patient {
  readonly node: string;
  /** The lab it is of; undefined: this host. */
  readonly lab: string | undefined;
  /** By its agent; by this command itself where that is away. Throws OcicatError if it cannot be looked at. */
  examine(): Promise<Diagnosis>;
}

/** This host, or the nodes of the lab on this machine where no agent runs here. Throws OcicatError. */
export function patients(
  surroundings: Surroundings,
  wanted: string | undefined,
  config: string | undefined,
): readonly Patient[] {
  const { env, places, lab } = surroundings;
  const own = env.OCICAT_AGENT_SOCKET || places.agentSocket;
  const nodes = wanted === undefined && existsSync(own) ? [] : lab.nodes();
  if (nodes.length === 0 && wanted === undefined) {
    const why = existsSync(own) ? undefined : "no agent runs on this host";
    return [
      {
        node: nameOfThisNode(surroundings),
        lab: undefined,
        examine: () => examineHost(surroundings, own, why, config),
      },
    ];
  }
  const chosen = nodes.filter(({ name }) => wanted === undefined || name === wanted);
  if (chosen.length > 0)
    return chosen.map((node) => ({ node: node.name, lab: node.lab, examine: () => examineNode(node) }));
  const names = nodes.map(({ name }) => name).join(", ");
  throw new OcicatError({
    code: "AGENT_NONE",
    what: `there is no node "${wanted}" in reach`,
    fix: names === "" ? "--node names a node of a lab, and none runs here" : `use one of ${names}`,
  });
}

async function examineHost(
  surroundings: Surroundings,
  socket: string,
  why: string | undefined,
  config: string | undefined,
): Promise<Diagnosis> {
  if (why !== undefined) return await examineWithoutAgent(surroundings, why, config);
  const answered = await asked(socket);
  return "why" in answered ? await examineWithoutAgent(surroundings, answered.why, config) : answered.diagnosis;
}

async function examineNode({ name, lab, socket }: LabNode): Promise<Diagnosis> {
  const answered = socket === undefined ? undefined : await asked(socket);
  return answered !== undefined && "diagnosis" in answered ? answered.diagnosis : await examineInside(lab, name);
}

/** The agent's answer; or why there is none, from one that is away. One that refuses is an error. */
async function asked(socket: string): Promise<{ readonly diagnosis: Diagnosis } | { readonly why: string }> {
  try {
    return { diagnosis: readDiagnosis(await askAgent(socket, "/doctor", { timeoutMs: EXAMINATION_MS })) };
  } catch (error) {
    if (isOcicatError(error) && error.code === "AGENT_UNREACHABLE") return { why: error.message };
    throw error;
  }
}

/** What can be seen from this host without its agent. */
async function examineWithoutAgent(
  surroundings: Surroundings,
  why: string,
  config: string | undefined,
): Promise<Diagnosis> {
  const { examineHere } = await import("@ocicat/agent/doctor");
  const node = nameOfThisNode(surroundings);
  return await withDatastore(surroundings, config, ({ store, client, clock, random }) =>
    examineHere({ node, store, client, clock, random, why }),
  );
}

/** The same command inside a node of a lab: there it finds no lab, and looks at the node itself. */
async function examineInside(lab: string, node: string): Promise<Diagnosis> {
  const { openLab } = await import("@ocicat/lab");
  const command = [process.execPath, ...process.execArgv, process.argv[1] ?? "", "doctor", "-o", "json"] as const;
  const child = openLab(lab, () => undefined).spawn(node, [...command], { stdio: ["ignore", "pipe", "pipe"] });
  const text = { out: "", err: "" };
  child.stdout?.on("data", (chunk: Buffer) => {
    text.out += chunk.toString();
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    text.err += chunk.toString();
  });
  await new Promise<void>((resolve) => {
    child.once("error", () => resolve());
    child.once("close", () => resolve());
  });
  const [diagnosis] = readAll(text.out);
  if (diagnosis !== undefined) return diagnosis;
  throw new OcicatError({
    code: "DOCTOR_INSIDE",
    where: `node ${node}`,
    what: `it could not be looked at from inside: ${text.err.trim() || "nothing was said"}`,
  });
}

function readAll(text: string): readonly Diagnosis[] {
  const value = text === "" ? [] : parseJson(text);
  return Array.isArray(value) ? value.map(readDiagnosis) : [];
}

/** As its agent calls it. */
function nameOfThisNode({ env, places }: Surroundings): string {
  if (env.NODENAME) return env.NODENAME;
  return existsSync(places.nodename) ? readText(places.nodename, "CLI_CONFIG").trim() : hostname();
}
