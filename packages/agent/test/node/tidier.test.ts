import { Scope, TestClock } from "@ocicat/kit";
import { beforeEach, describe, expect, it } from "vitest";
import { Tidier } from "../../src/node/tidier.ts";

let clock: TestClock;
let scope: Scope;
let tidied: number;
let tidier: Tidier;

beforeEach(() => {
  clock = new TestClock();
  scope = new Scope("test");
  tidied = 0;
  tidier = new Tidier({ clock, scope, tidy: () => void tidied++ });
});

function change(times: number): void {
  for (let count = 0; count < times; count++) tidier.changed();
}

describe("garbage is collected", () => {
  it("once many changes are over and it is quiet, and not for a few", () => {
    change(999);
    clock.advance(60_000);
    expect(clock.waiting()).toEqual([]);
    change(1);
    for (let count = 0; count < 10; count++) {
      clock.advance(200);
      change(1);
    }
    expect(tidied).toBe(0);
    clock.advance(300);
    expect(tidied).toBe(1);
    change(999);
    clock.advance(60_000);
    expect(tidied).toBe(1);
  });

  it("when it is due, and never after the end", async () => {
    tidier.due();
    clock.advance(300);
    expect(tidied).toBe(1);
    tidier.due();
    await scope.close();
    clock.advance(300);
    expect(tidied).toBe(1);
  });
});
