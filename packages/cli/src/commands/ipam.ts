import type { Command } from "commander";
import type { Surroundings } from "../surroundings.ts";

export function addIpam(program: Command, _surroundings: Surroundings): void {
  program.command("ipam");
}
