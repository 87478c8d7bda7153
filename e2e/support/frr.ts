import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, type TestLab } from "./lab.ts";

const HOME = "/usr/lib/frr";

/** A real FRR on a router of a lab: zebra, bgpd and bfdd. Its files and its processes go with `stop`. */
export interface RouterFrr {
  /** What vtysh prints. */
  readonly ask: (...commands: readonly string[]) => string;
  readonly stop: () => Promise<void>;
}

/** `config`: what bgpd and bfdd are told; `zebra`: what zebra is. */
export async function startFrr(
  lab: Pick<TestLab, "name" | "start">,
  router: string,
  config: { readonly zebra?: string; readonly bgpd: string; readonly bfdd?: string },
): Promise<RouterFrr> {
  const directory = mkdtempSync(join(tmpdir(), `${lab.name}-frr-`));
  const file = (name: string) => join(directory, name);
  const running: ReturnType<TestLab["start"]>[] = [];
  const ask = (...commands: readonly string[]) =>
    execFileSync("vtysh", ["--vty_socket", directory, ...commands.flatMap((command) => ["-c", command])], {
      encoding: "utf8",
      stdio: ["ignore", "pipe", "pipe"],
    });
  const stop = async () => {
    for (const { child, ended } of running) {
      child.kill("SIGKILL");
      await ended;
    }
    rmSync(directory, { recursive: true, force: true });
  };
  const isUp = (probe: string) => {
    try {
      return ask(probe);
    } catch (error) {
      return `%${String(error)}`;
    }
  };
  const run = async (name: "zebra" | "bgpd" | "bfdd", probe: string) => {
    const own = ["-f", file(`${name}.conf`), "-i", file(`${name}.pid`)];
    const shared = ["-z", file("zserv.api"), "--vty_socket", directory];
    const control = name === "bfdd" ? ["--bfdctl", file("bfdd.sock")] : [];
    // With their parent dead, however that died, they die too.
    const command = ["setpriv", "--pdeathsig", "KILL", `${HOME}/${name}`, ...own, ...shared, ...control] as const;
    running.push(lab.start(router, ...command));
    await eventually(
      () => isUp(probe),
      (text) => !text.startsWith("%"),
    );
  };
  for (const name of ["zebra", "bgpd", "bfdd"] as const)
    writeFileSync(file(`${name}.conf`), `log stdout\n${config[name] ?? ""}\n`);
  // FRR's daemons give up root's rights.
  execFileSync("chown", ["-R", "frr:frr", directory]);
  try {
    await run("zebra", "show interface brief");
    if (config.bfdd !== undefined) await run("bfdd", "show bfd peers");
    await run("bgpd", "show bgp summary");
  } catch (error) {
    await stop();
    throw error;
  }
  return { ask, stop };
}
