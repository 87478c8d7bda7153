/**
 * The thin client in Node: the twin of `native/ocicat-cni.c`, for machines without a C compiler. It must say the same, and the
 * wire format is drawn there. Installed as one file: it uses Node's own modules only, and takes them without `import` or
 * `require`, so that it runs whether Node takes a file without extension for CommonJS or for an ES module. The two values in
 * at-signs are filled in by the installer.
 */
const SOCKET = "@OCICAT_SOCKET@";
const IDENTITY = "@OCICAT_IDENTITY@";

const MAGIC = "OCICAT-CNI/1\n";
const NEWEST_VERSION = "1.1.0";
const SUPPORTED_VERSIONS = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];
const DEFAULT_TIMEOUT_S = 90;
const RETRY_MS = 10;
const PASSED_ON = ["CNI_COMMAND", "CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS", "CNI_PATH"];

const fs = process.getBuiltinModule("node:fs");
const net = process.getBuiltinModule("node:net");

const command = process.env.CNI_COMMAND ?? "";
const socketPath = process.env.OCICAT_CNI_SOCKET || SOCKET;

function timeoutSeconds(): number {
  const seconds = Number.parseInt(process.env.OCICAT_CNI_TIMEOUT ?? "", 10);
  return seconds > 0 && seconds <= 3600 ? seconds : DEFAULT_TIMEOUT_S;
}

/** A closed standard input is an empty one: the agent says what is missing. */
function readStdin(): Buffer {
  const chunks: Buffer[] = [];
  for (;;) {
    const chunk = Buffer.allocUnsafe(65_536);
    try {
      const count = fs.readSync(0, chunk);
      if (count === 0) return Buffer.concat(chunks);
      chunks.push(chunk.subarray(0, count));
    } catch (error) {
      // A caller may hand over a non-blocking descriptor.
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return Buffer.concat(chunks);
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

/** The configuration's own cniVersion, which answers carry; without a parser, as the C client finds it. */
function versionOf(config: Buffer): string {
  return /"cniVersion"[ \t\r\n:]*"([0-9.]{1,15})"/.exec(config.toString("latin1"))?.[1] ?? NEWEST_VERSION;
}

/** Ends the process when everything is written: standard output may be a pipe that fills up. */
function finish(exitCode: number, stdout: string | Buffer): void {
  process.exitCode = exitCode;
  process.stdout.write(stdout, () => process.exit());
}

function fail(config: Buffer, code: number, stableCode: string, msg: string, details: string): void {
  const error = { cniVersion: versionOf(config), code, msg, details: `${details} [${stableCode}]` };
  finish(1, `${JSON.stringify(error)}\n`);
}

function noAgent(config: Buffer, why: string): void {
  const details = `${why}; see that the agent runs on this node, and its log`;
  fail(
    config,
    command === "STATUS" ? 50 : 11,
    "CNI_NO_AGENT",
    `no answer from the Ocicat agent on ${socketPath}`,
    details,
  );
}

function request(config: Buffer): Buffer {
  const plugin = (process.argv[1] ?? "").split("/").at(-1) ?? "";
  const passed = PASSED_ON.flatMap((key) => (process.env[key] === undefined ? [] : [`${key}=${process.env[key]}`]));
  const environment = [`OCICAT_PLUGIN=${plugin}`, ...passed].map((entry) => `${entry}\0`).join("");
  return Buffer.concat([Buffer.from(`${MAGIC}${environment}\0`), config]);
}

/** The answer's body with its exit code, if all of it is there. */
function whole(answer: Buffer): { readonly exitCode: number; readonly body: Buffer } | undefined {
  const end = answer.indexOf("\n");
  const head = /^(\d{1,3}) (\d+)$/.exec(answer.subarray(0, Math.max(0, end)).toString("latin1"));
  const body = answer.subarray(end + 1);
  const exitCode = Number(head?.[1]);
  return head !== null && exitCode <= 255 && Number(head[2]) === body.length ? { exitCode, body } : undefined;
}

const REFUSALS: Readonly<Record<string, string>> = {
  ENOENT: "there is no such socket",
  ECONNREFUSED: "nobody listens on it",
  EACCES: "permission denied: the plugin runs as root",
  EINVAL: "the path is too long for a socket",
  ENAMETOOLONG: "the path is too long for a socket",
};

function ask(config: Buffer): void {
  const seconds = timeoutSeconds();
  let settled = false;
  const settle = (end: () => void) => {
    if (settled) return;
    settled = true;
    end();
  };
  setTimeout(() => settle(() => noAgent(config, `it did not answer within ${seconds} s`)), seconds * 1000);
  const attempt = () => {
    const chunks: Buffer[] = [];
    let connected = false;
    const socket = net.connect(socketPath);
    socket.on("connect", () => {
      connected = true;
      socket.end(request(config));
    });
    socket.on("data", (chunk: Buffer) => chunks.push(chunk));
    // Once connected, an error is no verdict: the agent may have answered before it went away.
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (connected || settled) return;
      if (error.code === "EAGAIN")
        setTimeout(attempt, RETRY_MS); // its queue of connections is full
      else settle(() => noAgent(config, REFUSALS[error.code ?? ""] ?? `connect: error ${-(error.errno ?? 0)}`));
    });
    socket.on("close", () => {
      if (!connected) return;
      const answer = whole(Buffer.concat(chunks));
      settle(() =>
        answer === undefined
          ? noAgent(config, "it went away before it had answered")
          : finish(answer.exitCode, answer.body),
      );
    });
  };
  attempt();
}

function main(): void {
  if (process.argv[2] === "-v" || process.argv[2] === "--version") finish(0, `${IDENTITY}\n`);
  else if (command === "") {
    const details =
      "this is a CNI plugin, which container runtimes call; set CNI_COMMAND to ADD, DEL, CHECK, STATUS, GC or VERSION";
    fail(Buffer.alloc(0), 4, "CNI_INVALID_ENVIRONMENT", "CNI_COMMAND is missing", details);
  } else if (command === "VERSION") {
    const cniVersion = versionOf(process.stdin.isTTY ? Buffer.alloc(0) : readStdin());
    finish(0, `${JSON.stringify({ cniVersion, supportedVersions: SUPPORTED_VERSIONS })}\n`);
  } else ask(readStdin());
}

main();
