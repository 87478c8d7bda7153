/** The process beside a lab's machine: see machine.ts, which starts it by its path. `serve-gateway.js LAB` */
import { LabPlaces } from "../world/places.ts";
import { runGateway } from "./gateway.ts";

await runGateway(new LabPlaces(process.argv[2] ?? ""));
