import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { referencePages } from "../../packages/cli/src/explain/pages.ts";

const folder = new URL("../../docs/resources/", import.meta.url);
const pages = [...referencePages()];

describe("docs/resources is what `npm run docs` makes", () => {
  it("of the same files", () => {
    expect(readdirSync(folder).sort()).toEqual(pages.map(([name]) => name).sort());
  });

  it.each(pages)("%s", (name, text) => {
    expect(readFileSync(new URL(name, folder), "utf8")).toBe(text);
  });
});
