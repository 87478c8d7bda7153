import { describe, expect, it } from "vitest";
import { decodeCommandLine, decodeSize, encodeCommandLine, encodeSize } from "../../src/uml/command-line.ts";

const LINE = {
  argv: ["ocicat", "get", "nodes", "-o", "größe"],
  cwd: "/work",
  env: { LANG: "C.UTF-8", EMPTY: "" },
  input: false,
  terminal: undefined,
} as const;

function decoded(change: Readonly<Record<string, unknown>>) {
  return decodeCommandLine(new TextEncoder().encode(JSON.stringify({ ...LINE, ...change })));
}

describe("a command line", () => {
  it("comes out as it went in", () => {
    expect(decodeCommandLine(encodeCommandLine(LINE))).toEqual(LINE);
    const onTerminal = { ...LINE, input: true, terminal: { columns: 111, rows: 33 } };
    expect(decodeCommandLine(encodeCommandLine(onTerminal))).toEqual(onTerminal);
  });

  it.each([
    ["no program", { argv: [] }],
    ["a program that is none", { argv: [7] }],
    ["no directory", { cwd: 7 }],
    ["no environment", { env: "PATH=/bin" }],
    ["a terminal without a size", { terminal: { columns: 0, rows: 33 } }],
  ])("with %s is none", (_what, change) => {
    expect(decoded(change)).toBeUndefined();
  });

  it("that is no JSON is none", () => {
    expect(decodeCommandLine(new Uint8Array([0x7b]))).toBeUndefined();
  });
});

describe("a terminal's size", () => {
  it("comes out as it went in, and cut short it is none", () => {
    const bytes = encodeSize({ columns: 300, rows: 65_535 });
    expect(decodeSize(bytes)).toEqual({ columns: 300, rows: 65_535 });
    expect(decodeSize(bytes.subarray(1))).toBeUndefined();
  });
});
