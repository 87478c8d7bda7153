import { readFileSync } from "node:fs";
import { isOcicatError, parseJson } from "@ocicat/kit";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { execute, type Value } from "../../src/template/index.ts";

const read = (file: string) => readFileSync(new URL(file, import.meta.url), "utf8");
const data = parseJson(read("data.json")) as Value;
const cases = JSON.parse(read("cases.json")) as readonly {
  readonly template: string;
  readonly output?: string;
  readonly error?: boolean;
}[];

const run = (template: string, value: Value = data) => execute(template, value, { where: "--output" });

describe("a template is carried out as Go's text/template does it:", () => {
  it.each(cases.map((each) => [each.template, each] as const))("%s", (template, { output = "", error = false }) => {
    if (error) expect(() => run(template)).toThrow(/^--output, line \d+, column \d+: /);
    else expect(run(template)).toBe(output);
  });
});

describe("what is not in the subset is refused by name and place:", () => {
  it.each([
    ['a{{define "x"}}{{end}}', 'line 1, column 2: "define" is a part of Go\'s templates that is not here'],
    ['a\nb {{template "x"}}', 'line 2, column 3: "template" is a part'],
    ['{{block "x" .}}{{end}}', '"block" is a part'],
    ["{{print (call .Name)}}", 'line 1, column 10: "call" is a part'],
    ["{{nosuch 1}}", "line 1, column 3: there is no function nosuch; use one of and, eq, ge"],
    ["{{if .Yes}}", "line 1, column 1: {{if}} has no {{end}}"],
    ["{{index .Words 9}}", "line 1, column 3: index: index 9 is outside 3"],
    ["{{$x}}", "line 1, column 3: there is no variable $x"],
  ])("%s", (template, message) => {
    expect(() => run(template)).toThrow(message);
  });
});

describe("calicoctl's functions", () => {
  // What calicoctl's join makes of the same.
  it.each([
    ['{{join .Words ","}}', "a,b,c"],
    ['{{join .None ","}}', ""],
    ['{{join .Nil ","}}', ""],
    ['{{join .Labels ";"}}', "a/b=c;app=web;rack=r1"],
    ['{{join .Numbers "-"}}', "3-1-2"],
    ['{{join .Name ","}}', "node1"],
    ['{{joinAndTruncate .Words "," 4}}', "a..."],
    ['{{joinAndTruncate .Words "," 5}}', "a,b,c"],
    ['{{joinAndTruncate .Words "," 0}}', "a,b,c"],
  ])("%s is %s", (template, output) => {
    expect(run(template)).toBe(output);
  });
});

describe("any text", () => {
  // Pieces of templates that are right, put together at random: most are wrong in a way that nobody thought of.
  const pieces = cases.flatMap(({ template }) => template.split(/(?<=[}{. |()$"])/)).filter((piece) => piece !== "");

  it("is carried out, or refused with its place; nothing else", () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...pieces), { maxLength: 12 }), (parts) => {
        try {
          run(parts.join(""));
        } catch (error) {
          if (!isOcicatError(error) || error.code !== "TEMPLATE_INVALID") throw error;
        }
      }),
      { numRuns: 5_000, seed: 20_261_121 },
    );
  });
});
