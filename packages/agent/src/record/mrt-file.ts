import { closeSync, createReadStream, openSync, readSync } from "node:fs";
import { createGunzip } from "node:zlib";
import { MrtDecoder, type MrtEntry, MrtReader } from "@ocicat/bgp/mrt";
import { isOcicatError, OcicatError, toError } from "@ocicat/kit";

const GZIP = 0x1f8b;
/** "BZ". */
const BZIP2 = 0x425a;

/**
 * What an MRT file says, record by record; "-" is standard input. One that gzip has made is read as it is. No more of it is
 * held than a record. Throws OcicatError MRT_FILE if it cannot be opened, MRT_DAMAGED from where it cannot be read.
 */
export async function* mrtEntries(file: string): AsyncIterable<MrtEntry> {
  const name = file === "-" ? "standard input" : file;
  const reader = new MrtReader(name);
  const decoder = new MrtDecoder(name);
  try {
    for await (const chunk of chunksOf(file)) {
      reader.push(chunk);
      for (let record = reader.next(); record !== undefined; record = reader.next()) yield decoder.decode(record);
    }
  } catch (error) {
    if (isOcicatError(error)) throw error;
    throw new OcicatError({ code: "MRT_FILE", where: name, what: toError(error).message, cause: error });
  }
  reader.end();
}

function chunksOf(file: string): AsyncIterable<Uint8Array> {
  if (file === "-") return process.stdin;
  const magic = magicOf(file);
  if (magic === BZIP2) {
    const fix = `hand it over: bunzip2 -c ${file} | ocicat bgp mrt read -`;
    throw new OcicatError({ code: "MRT_FILE", where: file, what: "bzip2 has made it smaller", fix });
  }
  const stream = createReadStream(file);
  return magic === GZIP ? stream.pipe(createGunzip()) : stream;
}

function magicOf(file: string): number {
  const descriptor = openSync(file, "r");
  try {
    const bytes = Buffer.alloc(2);
    readSync(descriptor, bytes, 0, 2, 0);
    return bytes.readUInt16BE();
  } finally {
    closeSync(descriptor);
  }
}
