import { readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Clock, Scope } from "@ocicat/kit";
import type { SecretRef } from "@ocicat/routing";

/** A secret's value; or why it cannot be had, for people. */
export type SecretAnswer = { readonly value: string } | { readonly missing: string };

/** Where passwords come from. Nothing of them is logged. */
export interface Secrets {
  read(ref: SecretRef): SecretAnswer;
  /** Calls back when an answer that was given is another now. */
  subscribe(listener: () => void): void;
}

const LOOK_AGAIN_MS = 5_000;
/** What may be a secret's or a key's name, as with Kubernetes: no path leads out of the directory. */
const NAME = /^[a-zA-Z0-9]([-._a-zA-Z0-9]*[a-zA-Z0-9])?$/;

export interface FileSecretsOptions {
  readonly directory: string;
  readonly clock: Clock;
  readonly scope: Scope;
}

/**
 * Secrets as files, where no Kubernetes keeps them: `<directory>/<secret's name>/<key>`, as a mounted Kubernetes secret looks,
 * for root alone. A line's end at the end is not part of it. Files that were asked for are looked at again every 5 s.
 */
export function fileSecrets({ directory, clock, scope }: FileSecretsOptions): Secrets {
  const given = new Map<string, { readonly ref: SecretRef; readonly answer: string }>();
  const listeners: (() => void)[] = [];
  let timer = clock.after(LOOK_AGAIN_MS, "secrets", lookAgain);
  scope.add("secrets", () => timer.cancel());

  function lookAgain(): void {
    timer = clock.after(LOOK_AGAIN_MS, "secrets", lookAgain);
    const changed = [...given.values()].filter(
      ({ ref, answer }) => JSON.stringify(readSecret(directory, ref)) !== answer,
    );
    if (changed.length > 0) for (const listener of listeners) listener();
  }

  return {
    read(ref) {
      const answer = readSecret(directory, ref);
      given.set(`${ref.name}/${ref.key}`, { ref, answer: JSON.stringify(answer) });
      return answer;
    },
    subscribe: (listener) => void listeners.push(listener),
  };
}

function readSecret(directory: string, { name, key }: SecretRef): SecretAnswer {
  const wrong = [name, key].find((part) => !NAME.test(part) || part.includes(".."));
  if (wrong !== undefined) return { missing: `"${wrong}" names no secret` };
  const file = join(directory, name, key);
  try {
    const open = statSync(file).mode & 0o077;
    if (open !== 0) return { missing: `${file} can be read by others than its owner: chmod 600 ${file}` };
    const value = readFileSync(file, "utf8").replace(/\r?\n$/, "");
    return value === "" ? { missing: `${file} is empty` } : { value };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    return { missing: code === "ENOENT" ? `${file} is not there` : `${file} cannot be read: ${code}` };
  }
}
