import { spawn } from "node:child_process";
import type { FrameStep, Reason, RouteStep, Step, Story } from "@ocicat/walk";
import { collect, OCICAT, type TestLab } from "./lab.ts";

export interface Walked {
  readonly code: number;
  readonly story: Story;
}

/** `ocicat walk … -o json` in a test's lab. */
export async function walk(lab: TestLab, from: string, to: string, ...options: string[]): Promise<Walked> {
  const args = ["walk", from, to, "--name", lab.name, "-o", "json", ...options];
  const { code, stdout, stderr } = await collect(
    spawn(process.execPath, [OCICAT, ...args], { stdio: ["ignore", "pipe", "pipe"] }),
  );
  if (stdout === "") throw new Error(`walk ${from} ${to}: ${stderr}`);
  return { code, story: JSON.parse(stdout) as Story };
}

type StepOf<K extends Step["step"]> = Extract<Step, { readonly step: K }>;

/** The steps of a kind, in order; at one place if it is named. */
export function stepsOf<K extends Step["step"]>(steps: readonly Step[], kind: K, place?: string): readonly StepOf<K>[] {
  return steps
    .filter((step): step is StepOf<K> => step.step === kind)
    .filter((step) => place === undefined || ("place" in step && step.place === place));
}

/** "node1 cali… in", with the interfaces of pods' hosts made alike. */
export function wayOf(steps: readonly Step[]): readonly string[] {
  return stepsOf(steps, "frame").map(
    ({ place, interface: link, direction }) => `${place} ${link.replace(/^cali[0-9a-f]{11}$/, "cali…")} ${direction}`,
  );
}

export function routesOf(steps: readonly Step[]): readonly Pick<RouteStep, "place" | "meaning" | "route">[] {
  return stepsOf(steps, "route").map(({ place, meaning, route }) => ({ place, meaning, route }));
}

/** The headers of a kind in a frame, from the outside in. */
export function headersOf<L extends FrameStep["headers"][number]["layer"]>(frame: FrameStep | undefined, layer: L) {
  type Wanted = Extract<FrameStep["headers"][number], { readonly layer: L }>;
  return (frame?.headers ?? []).filter((header): header is Wanted => header.layer === layer);
}

export function reasonsOf<R extends Reason["reason"]>(story: Story, reason: R) {
  return (story.loss?.reasons ?? []).filter(
    (one): one is Extract<Reason, { readonly reason: R }> => one.reason === reason,
  );
}
