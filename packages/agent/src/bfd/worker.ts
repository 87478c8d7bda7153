/** The thread's program: no long turn of the agent can keep it from its packets. */
import { parentPort } from "node:worker_threads";
import { BfdSessions } from "./sessions.ts";
import type { FromThread, ToThread } from "./wishes.ts";

const port = parentPort;
if (port === null) throw new Error("this program is a thread's");

const tell = (message: FromThread) => port.postMessage(message);
const sessions = new BfdSessions({
  onState: (report) => tell({ type: "state", ...report }),
  onProblem: (what, why) => tell({ type: "problem", what, why }),
});

let last: Promise<void> = Promise.resolve();
port.on("message", ({ wishes, end }: ToThread) => {
  // One after the other: each is all that is wanted.
  last = last.then(async () => {
    await sessions.want(wishes);
    if (!end) return;
    sessions.close();
    port.close();
  });
});
