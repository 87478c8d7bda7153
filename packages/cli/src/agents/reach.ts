import { existsSync } from "node:fs";
import { OcicatError, toError } from "@ocicat/kit";
import type { LabAgent } from "../connect/lab.ts";
import type { Surroundings } from "../surroundings.ts";
import { askAgent, followAgent } from "./ask.ts";

/** What one agent said. */
export interface AgentAnswer<T> {
  readonly node: string;
  readonly body: T;
}

/** Reads an agent's answer; throws OcicatError AGENT_ANSWER on one that is not as it should be. */
export type Reader<T> = (body: unknown) => T;

/**
 * Asks the agent of `node` in the lab; without one this host's, or where none runs here each of the lab's. What one
 * agent does not answer is told, and the others' answers count. Throws OcicatError AGENT_NONE, or the first refusal if
 * nobody answers.
 */
export async function askAgents<T>(
  surroundings: Surroundings,
  node: string | undefined,
  path: string,
  read: Reader<T>,
): Promise<readonly AgentAnswer<T>[]> {
  const agents = agentsInReach(surroundings, node);
  const ask = async ({ name, socket }: LabAgent) => ({ node: name, body: read(await askAgent(socket, path)) });
  const outcomes = await Promise.allSettled(agents.map(ask));
  const failed = outcomes.filter((outcome) => outcome.status === "rejected");
  const answers = outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
  if (failed[0] !== undefined && answers.length === 0) throw toError(failed[0].reason);
  for (const [index, outcome] of outcomes.entries()) {
    if (outcome.status === "fulfilled") continue;
    surroundings.tell(`node ${agents[index]?.name ?? ""} is left out: ${toError(outcome.reason).message}`);
    surroundings.setExitCode(1);
  }
  return answers;
}

/**
 * As askAgents, of an answer without an end, until the command is told to stop. Of several, one that does not begin or that
 * ends meanwhile is told. Throws OcicatError AGENT_NONE, and if there is only one what it says.
 */
export async function followAgents(
  surroundings: Surroundings,
  node: string | undefined,
  path: string,
  onValue: (node: string, value: unknown) => void,
): Promise<void> {
  const agents = agentsInReach(surroundings, node);
  const stopped = surroundings.untilStopped();
  const followOne = ({ name, socket }: LabAgent) => followAgent(socket, path, (value) => onValue(name, value), stopped);
  const [only, ...others] = agents;
  if (only !== undefined && others.length === 0) return await followOne(only);
  const told = agents.map((agent) =>
    followOne(agent).catch((error: unknown) => {
      surroundings.tell(`node ${agent.name} is left out: ${toError(error).message}`);
      surroundings.setExitCode(1);
    }),
  );
  await Promise.all(told);
}

/** What agents in reach answer, for what is good to know and not needed: of those that do not, nothing is said. */
export async function tryAgents<T>(
  surroundings: Surroundings,
  path: string,
  read: Reader<T>,
): Promise<readonly AgentAnswer<T>[]> {
  const ask = async ({ name, socket }: LabAgent) => ({ node: name, body: read(await askAgent(socket, path)) });
  const outcomes = await Promise.allSettled(inReach(surroundings).map(ask));
  return outcomes.flatMap((outcome) => (outcome.status === "fulfilled" ? [outcome.value] : []));
}

/** Asks one agent: the one of `node` in the lab; without one this host's, or where none runs here the lab's first. */
export async function askOneAgent<T>(
  surroundings: Surroundings,
  node: string | undefined,
  path: string,
  read: Reader<T>,
): Promise<AgentAnswer<T>> {
  const agent = oneAgent(surroundings, node);
  return { node: agent.name, body: read(await askAgent(agent.socket, path)) };
}

/** The agent of `node` in the lab; without one this host's, or where none runs here the lab's first, which is told. */
export function oneAgent(surroundings: Surroundings, node: string | undefined): LabAgent {
  const [agent, ...others] = agentsInReach(surroundings, node);
  if (agent === undefined) throw noAgent(node);
  if (others.length > 0) {
    const names = others.map((other) => other.name).join(", ");
    surroundings.tell(`this is node ${agent.name} of the lab; for another say --node NAME: ${names}`);
  }
  return agent;
}

/** This host's agent; where none runs here, the lab's. */
function inReach({ env, places, lab }: Surroundings): readonly LabAgent[] {
  const own = env.OCICAT_AGENT_SOCKET || places.agentSocket;
  return existsSync(own) ? [{ name: "this one", socket: own }] : lab.agents();
}

function agentsInReach(surroundings: Surroundings, node: string | undefined): readonly LabAgent[] {
  const agents = node === undefined ? inReach(surroundings) : surroundings.lab.agents();
  const wanted = agents.filter((agent) => node === undefined || agent.name === node);
  if (wanted.length === 0) throw noAgent(node, agents);
  return wanted;
}

function noAgent(node: string | undefined, agents: readonly LabAgent[] = []): OcicatError {
  if (node === undefined) {
    const fix = "start it with ocicat agent, run this on a node, or start a lab with ocicat lab up";
    return new OcicatError({ code: "AGENT_NONE", what: "no agent runs on this host, and no lab", fix });
  }
  const names = agents.map((agent) => agent.name).join(", ");
  const fix = names === "" ? "--node names a node of a lab, and none runs here" : `use one of ${names}`;
  return new OcicatError({ code: "AGENT_NONE", what: `there is no agent of a node "${node}" in reach`, fix });
}
