import { spawnSync } from "node:child_process";
import { closeSync, readSync, writeSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { KernelError, openPseudoTerminal, resizeTerminal } from "../../src/index.ts";

describe("a pseudo-terminal", () => {
  it("is a terminal for a program, of the size that it was given, by whose rules lines are read", () => {
    const { master, slave } = openPseudoTerminal();
    try {
      resizeTerminal(master, { columns: 300, rows: 7 });
      const stty = spawnSync("stty", ["size"], { stdio: [slave, "pipe", "inherit"], encoding: "utf8" });
      expect(stty.stdout).toBe("7 300\n");
      // The line's rules: a terminal turns what Enter sends into the end of a line, and echoes.
      writeSync(master, "typed\r");
      const line = Buffer.alloc(100);
      expect(line.subarray(0, readSync(slave, line)).toString()).toBe("typed\n");
      expect(line.subarray(0, readSync(master, line)).toString()).toBe("typed\r\n");
    } finally {
      closeSync(master);
      closeSync(slave);
    }
  });

  it("is refused a size where there is no terminal", () => {
    expect(() => resizeTerminal(0xffff, { columns: 80, rows: 24 })).toThrow(KernelError);
  });
});
