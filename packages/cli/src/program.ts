import { Command } from "commander";
import { addAgent } from "./commands/agent.ts";
import { addBgp } from "./commands/bgp.ts";
import { addCompletion } from "./commands/completion.ts";
import { addControllers } from "./commands/controllers.ts";
import { addDatastore } from "./commands/datastore.ts";
import { addDelete } from "./commands/delete.ts";
import { addDoctor } from "./commands/doctor.ts";
import { addExplain } from "./commands/explain.ts";
import { addFanout } from "./commands/fanout.ts";
import { addFlows } from "./commands/flows.ts";
import { addGet } from "./commands/get.ts";
import { addInstall } from "./commands/install.ts";
import { addIpam } from "./commands/ipam.ts";
import { addLab } from "./commands/lab.ts";
import { addLabel } from "./commands/label.ts";
import { addNode } from "./commands/node.ts";
import { addPatch } from "./commands/patch.ts";
import { addPolicy } from "./commands/policy.ts";
import { addPool } from "./commands/pool.ts";
import { addRoutes } from "./commands/routes.ts";
import { addTakeOver } from "./commands/take-over.ts";
import { addUninstall } from "./commands/uninstall.ts";
import { addValidate } from "./commands/validate.ts";
import { addVersion } from "./commands/version.ts";
import { addWalk } from "./commands/walk.ts";
import { addWhy } from "./commands/why.ts";
import { addWriters } from "./commands/write.ts";
import type { Surroundings } from "./surroundings.ts";

/** All commands, as declarations: what they do is loaded when one is chosen. */
export function createProgram(surroundings: Surroundings): Command {
  const program = new Command(surroundings.name);
  program
    .description(
      "A layer-3 network for containers, with Calico's data model. Ocicat's command; by the name of calicoctl it is the same.",
    )
    .showSuggestionAfterError()
    .exitOverride()
    // Help is what was asked for, also where a group of commands is named without one of them. Errors are told elsewhere.
    .configureOutput({ writeOut: surroundings.print, writeErr: surroundings.print, outputError: () => {} })
    // `lab exec POD -- ping -c 1 …`: what follows the first argument is not ours to read.
    .enablePositionalOptions();
  addGet(program, surroundings);
  addWriters(program, surroundings);
  addPatch(program, surroundings);
  addLabel(program, surroundings);
  addDelete(program, surroundings);
  addValidate(program, surroundings);
  addExplain(program, surroundings);
  addNode(program, surroundings);
  addIpam(program, surroundings);
  addPool(program, surroundings);
  addWhy(program, surroundings);
  addPolicy(program, surroundings);
  addRoutes(program, surroundings);
  addBgp(program, surroundings);
  addFlows(program, surroundings);
  addDoctor(program, surroundings);
  addWalk(program, surroundings);
  addLab(program, surroundings);
  addAgent(program, surroundings);
  addControllers(program, surroundings);
  addFanout(program, surroundings);
  addInstall(program, surroundings);
  addUninstall(program, surroundings);
  addTakeOver(program, surroundings);
  addDatastore(program, surroundings);
  addCompletion(program, surroundings);
  addVersion(program, surroundings);
  return program;
}
