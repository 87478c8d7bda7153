/** The program that a machine is for: see gateway.ts, which starts it by its path. `serve-line.js DEVICE` */
import { serveLine } from "./guest.ts";

await serveLine(process.argv[2] ?? "/dev/ttyS0");
process.exit();
