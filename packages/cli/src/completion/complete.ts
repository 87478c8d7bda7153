import { isOcicatError } from "@ocicat/kit";
import type { Command } from "commander";
import { IN_MACHINE } from "../connect/lab.ts";
import type { Surroundings } from "../surroundings.ts";
import type { Candidate } from "./candidate.ts";
import { type Wanted, wantedArgument, wantedValue } from "./places.ts";
import { followWords, type Typed } from "./typed.ts";

/** What a shell is told: words, or that it shall look for files itself. */
export type Answer = { readonly is: "files" } | { readonly is: "words"; readonly candidates: readonly Candidate[] };

/**
 * What could stand where the last of the words is, which may be empty. What goes wrong on the way is not told: somebody is
 * typing. But for LAB_IN_MACHINE: then it is asked in there.
 */
export async function complete(
  surroundings: Surroundings,
  program: Command,
  words: readonly string[],
): Promise<Answer> {
  const typed = followWords(program, words);
  try {
    const answer = await answerFor(surroundings, typed);
    return answer.is === "files" ? answer : { is: "words", candidates: fitting(typed, answer.candidates) };
  } catch (error) {
    if (isOcicatError(error) && error.code === IN_MACHINE) throw error;
    return { is: "words", candidates: [] };
  }
}

function fitting({ stem, lead }: Typed, candidates: readonly Candidate[]): readonly Candidate[] {
  return candidates
    .filter(([word]) => word.startsWith(stem))
    .map(([word, about]) => (about === undefined ? [lead + word] : [lead + word, about]));
}

async function answerFor(surroundings: Surroundings, typed: Typed): Promise<Answer> {
  const { place, command } = typed;
  switch (place.is) {
    case "option":
      return { is: "words", candidates: optionsOf(command) };
    case "command":
      return { is: "words", candidates: commandsOf(command) };
    case "value":
      return await lookUp(surroundings, typed, wantedValue(typed, place.option));
    case "argument":
      return await lookUp(surroundings, typed, place.argument && wantedArgument(typed, place.argument));
  }
}

async function lookUp(surroundings: Surroundings, typed: Typed, wanted: Wanted | undefined): Promise<Answer> {
  if (wanted === undefined) return { is: "words", candidates: [] };
  if (wanted.is === "files") return wanted;
  if (wanted.is === "words") return { is: "words", candidates: wanted.words.map((word) => [word] as const) };
  // Only here are the kinds loaded, and the datastore's client only for what it holds.
  const { candidatesFor } = await import("./look-up.ts");
  return { is: "words", candidates: await candidatesFor(surroundings, typed, wanted) };
}

function optionsOf(command: Command): readonly Candidate[] {
  const shown = command.createHelp().visibleOptions(command);
  return shown.flatMap(({ long, description }) => (long == null ? [] : [[long, description] as const]));
}

function commandsOf(command: Command): readonly Candidate[] {
  const help = command.createHelp();
  return help.visibleCommands(command).map((below) => [below.name(), help.subcommandDescription(below)] as const);
}
