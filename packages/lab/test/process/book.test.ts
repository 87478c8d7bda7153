import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { ProcessBook } from "../../src/process/book.ts";
import { identify, isAlive, startTicksIn } from "../../src/process/identity.ts";
import { temporaryPlaces } from "../support/temporary.ts";

/** A process of the test's, and its identity. */
function sleeper() {
  const child = spawn("sleep", ["1000"], { stdio: "ignore" });
  onTestFinished(() => void child.kill("SIGKILL"));
  const process = identify("sleeper", child.pid ?? 0);
  if (process === undefined) throw new Error("sleep did not start");
  return { child, process };
}

describe("the process book", () => {
  it("is empty where there is none, and remembers across readers", () => {
    const places = temporaryPlaces();
    expect(new ProcessBook(places).all()).toEqual([]);
    const { process } = sleeper();
    new ProcessBook(places).set({ ...process, name: "b" });
    new ProcessBook(places).set({ ...process, name: "a" });
    expect(new ProcessBook(places).all().map((entry) => entry.name)).toEqual(["a", "b"]);
    new ProcessBook(places).forget("a");
    expect(new ProcessBook(places).find("a")).toBeUndefined();
    expect(new ProcessBook(places).alive("b")).toEqual({ ...process, name: "b" });
  });

  it("has one entry a name: the last", () => {
    const places = temporaryPlaces();
    const [first, second] = [sleeper(), sleeper()];
    const book = new ProcessBook(places);
    book.set({ ...first.process, name: "agent" });
    book.set({ ...second.process, name: "agent" });
    expect(book.all().map((entry) => entry.pid)).toEqual([second.process.pid]);
  });

  it("takes a process that has ended for dead", async () => {
    const book = new ProcessBook(temporaryPlaces());
    const { child, process } = sleeper();
    book.set(process);
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(book.alive("sleeper")).toBeUndefined();
    expect(book.find("sleeper")).toEqual(process);
  });

  it("does not take a number that is used again for the process that had it", () => {
    const { process } = sleeper();
    expect(isAlive({ ...process, startTicks: String(Number(process.startTicks) - 1) })).toBe(false);
  });

  it.each(["", "{", "{}", "[1]", '[{"name":"a","pid":"1","startTicks":"2"}]'])(
    "refuses a file with %j in it",
    (text) => {
      const places = temporaryPlaces();
      mkdirSync(dirname(places.processFile), { recursive: true });
      writeFileSync(places.processFile, text);
      expect(() => new ProcessBook(places).all()).toThrow(
        /processes\.json: is not a list of processes; take the lab down/,
      );
    },
  );
});

describe("a line of /proc/PID/stat", () => {
  const fields = Array.from({ length: 30 }, (_, index) => index + 4);
  const rest = fields.join(" ");
  const withThreads = (threads: number) => fields.map((field) => (field === 20 ? threads : field)).join(" ");

  it("is read past a program's name with brackets and spaces in it", () => {
    expect(startTicksIn(`7 (a) b) (c) S ${rest}`)).toBe("22");
  });

  it("of a zombie tells of no process", () => {
    expect(startTicksIn(`7 (sleep) Z ${withThreads(1)}`)).toBeUndefined();
  });

  it("of a zombie with threads still on their way out tells of a process", () => {
    expect(startTicksIn(`7 (node) Z ${withThreads(3)}`)).toBe("22");
  });
});
