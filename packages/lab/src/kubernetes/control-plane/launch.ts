import { closeSync, mkdirSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { OcicatError } from "@ocicat/kit";
import { openNamespace, spawnIn } from "@ocicat/linux";
import { ProcessBook } from "../../process/book.ts";
import { identify } from "../../process/identity.ts";
import { markOf } from "../../process/mark.ts";
import type { LabPlaces } from "../../world/places.ts";
import type { Launch } from "./control-plane.ts";

/** Starts programs that outlive this command in a host's network, in the lab's book and with their output in its logs. */
export function launchInNetwork(places: LabPlaces, host: string): Launch {
  return (name, [program, ...args]) => {
    mkdirSync(dirname(places.log(name)), { recursive: true });
    const log = openSync(places.log(name), "a", 0o600);
    try {
      using net = openNamespace(places.netns(host));
      const child = spawnIn({ net }, program, args, {
        detached: true,
        stdio: ["ignore", log, log],
        env: { PATH: process.env["PATH"], HOME: "/root", ...markOf(places) },
      });
      child.unref();
      child.on("error", () => undefined);
      const started = child.pid === undefined ? undefined : identify(name, child.pid);
      if (started === undefined)
        throw new OcicatError({ code: "LAB_PROCESS", what: `${name} could not be started: ${program}` });
      new ProcessBook(places).set(started);
      return started;
    } finally {
      closeSync(log);
    }
  };
}
