// One end of a TCP connection inside a pod: `send PORT ADDRESS` or `receive PORT`. Says what happened in one line of JSON.
import { createHash, randomBytes } from "node:crypto";
import { connect, createServer } from "node:net";

const [role, port, address] = process.argv.slice(2);
const digest = createHash("sha256");
let bytes = 0;
const say = (more = {}) => console.log(JSON.stringify({ bytes, digest: digest.digest("hex"), ...more }));

if (role === "receive") {
  let last = 0;
  let longestGapMs = 0;
  let gapAt = 0;
  createServer((socket) => {
    socket.on("data", (chunk) => {
      const now = Date.now();
      if (last === 0) console.log("flowing");
      else if (now - last > longestGapMs) {
        longestGapMs = now - last;
        gapAt = last;
      }
      last = now;
      bytes += chunk.length;
      digest.update(chunk);
    });
    socket.on("error", (error) => {
      say({ longestGapMs, gapAt, error: error.message });
      process.exit(1);
    });
    socket.on("end", () => {
      say({ longestGapMs, gapAt });
      process.exit(0);
    });
  }).listen(Number(port), "0.0.0.0", () => console.log("listening"));
} else {
  const socket = connect(Number(port), address);
  const piece = randomBytes(32 * 1024);
  let ending = false;
  // Paced, so that the machine has time for others; large enough that every segment is a full one.
  const timer = setInterval(() => {
    if (ending || socket.writableNeedDrain) return;
    bytes += piece.length;
    digest.update(piece);
    socket.write(piece);
  }, 10);
  socket.on("error", (error) => {
    say({ error: error.message });
    process.exit(1);
  });
  process.on("SIGINT", () => {
    ending = true;
    clearInterval(timer);
    socket.end(() => say());
  });
}
