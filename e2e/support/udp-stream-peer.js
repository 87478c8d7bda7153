// One end of a stream of numbered UDP packets inside a pod: `send PORT ADDRESS PERIOD_MS` or `receive PORT`.
// Says what happened in one line of JSON when it is interrupted. Both ends read the same machine's clock.
import { createSocket } from "node:dgram";

const [role, port, address, period] = process.argv.slice(2);
const socket = createSocket("udp4");
const now = () => Number(process.hrtime.bigint() / 1000n);

if (role === "receive") {
  // By number: when it came, in microseconds; a number that came twice is told.
  const arrivals = [];
  const twice = [];
  socket.on("message", (packet) => {
    const number = packet.readUInt32BE();
    if (arrivals[number] !== undefined) twice.push(number);
    arrivals[number] = now();
    if (arrivals.length === 1) console.log("flowing");
  });
  socket.bind(Number(port), () => console.log("listening"));
  process.on("SIGINT", () => {
    const received = arrivals.flatMap((at, number) => (at === undefined ? [] : [[number, at]]));
    process.stdout.write(`${JSON.stringify({ received, twice })}\n`, () => process.exit(0));
  });
} else {
  const sent = [];
  const refused = [];
  const start = now();
  // As many as are due by the clock: a timer that comes late sends those it owes, each with its own number.
  const timer = setInterval(() => {
    const due = Math.floor((now() - start) / 1000 / Number(period));
    while (sent.length <= due) {
      const packet = Buffer.alloc(64);
      const number = sent.length;
      packet.writeUInt32BE(number);
      sent.push(now());
      socket.send(packet, Number(port), address, (error) => {
        if (error) refused.push([number, error.code]);
      });
    }
  }, 1);
  console.log("sending");
  process.on("SIGINT", () => {
    clearInterval(timer);
    process.stdout.write(`${JSON.stringify({ sent, refused })}\n`, () => process.exit(0));
  });
}
