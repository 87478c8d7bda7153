import { closeSync, openSync, writeSync } from "node:fs";
import { OcicatError, toError } from "@ocicat/kit";
import { openLab, runningLabName } from "@ocicat/lab";
import {
  type CapturedFrame,
  cookedFrame,
  type Kernel,
  type Link,
  linkTypeOf,
  openCapture,
  openKernel,
  pcapHeader,
  pcapRecord,
} from "@ocicat/linux";
import { decodeFrame, describeFrame } from "@ocicat/walk";
import type { CaptureOptions } from "../options/lab.ts";
import { timeOfDay } from "../output/time-of-day.ts";
import type { Surroundings } from "../surroundings.ts";

/** Shows or writes what passes an interface, until it is stopped or has seen enough. */
export async function capture(
  surroundings: Surroundings,
  where: string,
  iface: string,
  options: CaptureOptions,
): Promise<void> {
  const limit = countOf(options.count);
  const lab = openLab(options.name ?? runningLabName() ?? "ocicat", surroundings.tell);
  using namespace = lab.network(where);
  const kernel = openKernel({ namespace });
  try {
    const link = iface === "any" ? undefined : existing(kernel, where, iface);
    using sink = openSink(surroundings, kernel, link, options.write);
    let seen = 0;
    await new Promise<void>((resolve, reject) => {
      const running = openCapture({
        namespace,
        interface: link?.name,
        onFrames(frames) {
          try {
            const wanted = frames.slice(0, limit - seen);
            seen += wanted.length;
            for (const frame of wanted) sink.take(frame);
            if (seen >= limit) end();
          } catch (error) {
            reject(toError(error));
            end();
          }
        },
      });
      // Closing hands on what had arrived, which may be what was still wanted.
      const end = once(() => {
        running.close();
        surroundings.tell(`${seen} packet${seen === 1 ? "" : "s"}, ${running.dropped()} dropped`);
        resolve();
      });
      surroundings.untilStopped().then(end, reject);
    });
  } finally {
    kernel.close();
  }
}

function once(work: () => void): () => void {
  let done = false;
  return () => {
    if (done) return;
    done = true;
    work();
  };
}

function countOf(text: string | undefined): number {
  if (text === undefined) return Number.POSITIVE_INFINITY;
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new OcicatError({
    code: "CLI_ARGUMENTS",
    where: "--count",
    what: `"${text}" is not a number of packets`,
    fix: "give a whole number above 0",
  });
}

function existing(kernel: Kernel, where: string, name: string): Link {
  const link = kernel.link(name);
  if (link !== undefined) return link;
  const names = kernel.links().map((link) => link.name);
  throw new OcicatError({
    code: "LAB_NO_SUCH_INTERFACE",
    where,
    what: `there is no interface "${name}"`,
    fix: `use any, or one of ${names.join(", ")}`,
  });
}

interface Sink extends Disposable {
  readonly take: (frame: CapturedFrame) => void;
}

/** Where frames go: lines, bytes on standard output, or a file. */
function openSink(
  { print, printBytes, timeZone }: Surroundings,
  kernel: Kernel,
  link: Link | undefined,
  file: string | undefined,
): Sink {
  if (file === undefined) {
    const nameOf = linkNames(kernel);
    const take = (frame: CapturedFrame) => print(`${line(frame, nameOf(frame.linkIndex), timeZone)}\n`);
    return { take, [Symbol.dispose]: () => undefined };
  }
  // Only what has an Ethernet header has MAC addresses.
  const linkType = link === undefined ? "cooked" : link.mac === undefined ? "ip" : "ethernet";
  const record = (frame: CapturedFrame) => pcapRecord(link === undefined ? cookedFrame(frame) : frame);
  const head = pcapHeader(undefined, linkType);
  if (file === "-") {
    printBytes(head);
    return { take: (frame) => printBytes(record(frame)), [Symbol.dispose]: () => undefined };
  }
  const fd = openForWriting(file);
  writeSync(fd, head);
  return { take: (frame) => void writeSync(fd, record(frame)), [Symbol.dispose]: () => closeSync(fd) };
}

function openForWriting(file: string): number {
  try {
    return openSync(file, "w");
  } catch (cause) {
    throw new OcicatError({
      code: "CLI_FILE",
      where: file,
      what: "cannot be written",
      why: toError(cause).message,
      cause,
    });
  }
}

/** As `tcpdump -i any` shows it: when, on which interface, which way, what. */
function line(frame: CapturedFrame, name: string, timeZone: string | undefined): string {
  const way = frame.outgoing ? "out" : "in ";
  const layers = decodeFrame(frame.bytes, linkTypeOf(frame.hardwareType));
  return `${timeOfDay(frame.timestamp, timeZone)} ${name} ${way} ${describeFrame(layers)}, length ${frame.length}`;
}

/** Interfaces may come while it runs. */
function linkNames(kernel: Kernel): (index: number) => string {
  const names = new Map<number, string>();
  return (index) => {
    if (!names.has(index)) for (const link of kernel.links()) names.set(link.index, link.name);
    return names.get(index) ?? `interface ${index}`;
  };
}
