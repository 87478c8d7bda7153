// One end of a TCP connection inside a pod: `send PORT ADDRESS` or `receive PORT`. Says what happened in one line of JSON.
// Every piece begins with the time it was written at; both ends read the same machine's clock.
import { createHash, randomBytes } from "node:crypto";
import { connect, createServer } from "node:net";

const PIECE = 32 * 1024;
const [role, port, address] = process.argv.slice(2);
const digest = createHash("sha256");
let bytes = 0;
const say = (more = {}) => console.log(JSON.stringify({ bytes, digest: digest.digest("hex"), ...more }));

if (role === "receive") {
  let longestDelayMs = 0;
  // Where a piece begins, its first eight bytes say when it was written.
  const delays = (chunk) => {
    for (let at = (PIECE - (bytes % PIECE)) % PIECE; at < chunk.length; at += PIECE) {
      const head = chunk.subarray(at, at + 8);
      if (head.length < 8) continue;
      const delay = Number(process.hrtime.bigint() - head.readBigUInt64BE()) / 1e6;
      longestDelayMs = Math.max(longestDelayMs, delay);
    }
  };
  createServer((socket) => {
    socket.on("data", (chunk) => {
      if (bytes === 0) console.log("flowing");
      delays(chunk);
      bytes += chunk.length;
      digest.update(chunk);
    });
    socket.on("error", (error) => {
      say({ longestDelayMs, error: error.message });
      process.exit(1);
    });
    socket.on("end", () => {
      say({ longestDelayMs });
      process.exit(0);
    });
  }).listen(Number(port), "0.0.0.0", () => console.log("listening"));
} else {
  const socket = connect({ host: address, port: Number(port), noDelay: true });
  let ending = false;
  // Paced, so that the machine has time for others; large enough that every segment is a full one.
  const timer = setInterval(() => {
    if (ending || socket.writableNeedDrain) return;
    const piece = randomBytes(PIECE);
    piece.writeBigUInt64BE(process.hrtime.bigint());
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
