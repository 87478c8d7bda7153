import type { Reason, Step, Story } from "../story/story.ts";
import { en } from "./en.ts";
import type { Sentences } from "./sentences.ts";
import { zh } from "./zh.ts";

export type Language = "en" | "zh";

const LANGUAGES: Readonly<Record<Language, Sentences>> = { en, zh };

/** A story as people read it, in lines: each place with what happens there below it. */
export function storyText(story: Story, language: Language): string {
  const say = LANGUAGES[language];
  const { loss } = story;
  return [
    say.title(story),
    ...section(say, say.theRequest, story.request),
    ...section(say, say.theReply, story.reply),
    "",
    ...story.errors.map((error) => say.error(error)),
    say.outcome[story.outcome](story),
    ...(loss === null ? [] : [say.lastSeen(loss), ...loss.reasons.map((reason) => `  - ${reasonText(say, reason)}`)]),
    ...(story.partial ? [say.partial] : []),
    "",
  ].join("\n");
}

/** One step, in lines: for who tells it among other things. */
export function stepText(step: Step, language: Language): readonly string[] {
  return stepLines(LANGUAGES[language], step);
}

/** Where a step happens: a cable is told where it leads to. */
export function stepPlace(step: Step): string {
  return step.step === "cable" ? step.to.place : step.place;
}

function section(say: Sentences, heading: string, steps: readonly Step[]): readonly string[] {
  if (steps.length === 0) return [];
  const lines: string[] = ["", heading];
  let place = "";
  for (const step of steps) {
    const here = stepPlace(step);
    if (here !== place) lines.push(`  ${here}`);
    place = here;
    lines.push(...stepLines(say, step).map((line) => `    ${line}`));
  }
  return lines;
}

function stepLines(say: Sentences, step: Step): readonly string[] {
  switch (step.step) {
    case "route":
      return [say.route[step.meaning](step), ...because(say, step.why)];
    case "neighbour":
      return [say.neighbour(step)];
    case "frame":
      return [say.frame(step)];
    case "cable":
      return [say.cable(step)];
    case "forward":
      return [say.forward(step)];
    case "encapsulate":
    case "decapsulate":
      return [say.tunnel[step.step][step.mode](step)];
    case "translate":
      return [say.translate(step), ...because(say, step.why)];
    case "deliver":
      return [say.deliver(step)];
  }
}

function because(say: Sentences, why: string | null): readonly string[] {
  return why === null ? [] : [`  ${say.because(why)}`];
}

function reasonText({ reasons }: Sentences, reason: Reason): string {
  // The table has, for each kind of reason, what is said of that kind: the compiler holds the two together.
  return (reasons[reason.reason] as (about: Reason) => string)(reason);
}
