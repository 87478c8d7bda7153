// One end of a stream of numbered packets inside a pod: `udp|tcp send PORT ADDRESS PERIOD_MS` or `udp|tcp receive PORT`.
// Of TCP, each number is a piece of one connection. Says what happened in one line of JSON when it is interrupted. Both ends
// read the same machine's clock.
import { createSocket } from "node:dgram";
import { connect, createServer } from "node:net";

const SIZE = 64;
const [protocol, role, port, address, period] = process.argv.slice(2);
const now = () => Number(process.hrtime.bigint() / 1000n);
const say = (report) => process.stdout.write(`${JSON.stringify(report)}\n`, () => process.exit(0));

if (role === "receive") {
  // By number: when it came, in microseconds.
  const arrivals = [];
  const take = (piece) => {
    if (arrivals.length === 0) console.log("flowing");
    arrivals[piece.readUInt32BE()] ??= now();
  };
  const listening = () => console.log("listening");
  if (protocol === "udp") {
    createSocket("udp4").on("message", take).bind(Number(port), listening);
  } else {
    createServer((socket) => {
      let rest = Buffer.alloc(0);
      socket.on("error", () => undefined);
      socket.on("data", (chunk) => {
        rest = Buffer.concat([rest, chunk]);
        for (; rest.length >= SIZE; rest = rest.subarray(SIZE)) take(rest.subarray(0, SIZE));
      });
    }).listen(Number(port), "0.0.0.0", listening);
  }
  process.on("SIGINT", () => {
    say({ received: arrivals.flatMap((at, number) => (at === undefined ? [] : [[number, at]])) });
  });
} else {
  const sent = [];
  const start = now();
  const socket =
    protocol === "udp" ? createSocket("udp4") : connect({ host: address, port: Number(port), noDelay: true });
  socket.on("error", () => undefined);
  const send = (packet, number) => {
    if (protocol === "tcp") return socket.writable && socket.write(packet);
    // What the socket did not take was never under way.
    socket.send(packet, Number(port), address, (error) => {
      if (error) sent[number] = null;
    });
  };
  // As many as are due by the clock: a timer that comes late sends those it owes, each with its own number.
  const timer = setInterval(() => {
    const due = Math.floor((now() - start) / 1000 / Number(period));
    while (sent.length <= due) {
      const packet = Buffer.alloc(SIZE);
      const number = sent.length;
      packet.writeUInt32BE(number);
      sent.push(now());
      send(packet, number);
    }
  }, 1);
  console.log("sending");
  process.on("SIGINT", () => {
    clearInterval(timer);
    say({ sent });
  });
}
