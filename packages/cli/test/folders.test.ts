import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const root = join(import.meta.dirname, "../src");
const sources = readdirSync(root, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
const importing = (pattern: RegExp) => sources.filter((file) => pattern.test(readFileSync(join(root, file), "utf8")));

describe("the folders", () => {
  it("are read from the commands down: nobody below them imports one", () => {
    const others = importing(/from "(?:\.\.?\/)+commands\//).filter((file) => !file.startsWith("commands/"));
    expect(others).toEqual(["program.ts"]);
  });

  it("that hold types of options import no action, and what is pure nothing of Node's", () => {
    const pure = importing(/from "node:/).filter((file) => /^(?:options|patch|template)\//.test(file));
    expect(pure).toEqual([]);
    expect(importing(/from "\.\.\/(?:actions|commands)\//).filter((file) => file.startsWith("options/"))).toEqual([]);
  });
});
