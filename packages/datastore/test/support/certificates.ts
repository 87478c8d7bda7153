import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export interface Certificates {
  readonly caFile: string;
  readonly serverCert: string;
  readonly serverKey: string;
  readonly clientCert: string;
  readonly clientKey: string;
}

/** An authority of a day, a server's certificate for 127.0.0.1 and the name `etcd.test`, and a client's. */
export async function makeCertificates(directory: string): Promise<Certificates> {
  const file = (name: string) => join(directory, name);
  const key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  await openssl(
    "req",
    "-x509",
    ...key,
    "-keyout",
    file("ca.key"),
    "-out",
    file("ca.crt"),
    "-days",
    "1",
    "-subj",
    "/CN=ca",
  );

  const issue = async (name: string, extensions: string) => {
    await openssl("req", ...key, "-keyout", file(`${name}.key`), "-out", file(`${name}.csr`), "-subj", `/CN=${name}`);
    await writeFile(file(`${name}.ext`), extensions);
    const request = ["-in", file(`${name}.csr`), "-out", file(`${name}.crt`), "-extfile", file(`${name}.ext`)];
    const authority = ["-CA", file("ca.crt"), "-CAkey", file("ca.key"), "-CAcreateserial"];
    await openssl("x509", "-req", "-days", "1", ...request, ...authority);
  };
  await issue("server", "subjectAltName=IP:127.0.0.1,DNS:etcd.test\n");
  await issue("client", "extendedKeyUsage=clientAuth\n");
  return {
    caFile: file("ca.crt"),
    serverCert: file("server.crt"),
    serverKey: file("server.key"),
    clientCert: file("client.crt"),
    clientKey: file("client.key"),
  };
}

async function openssl(...args: string[]): Promise<void> {
  try {
    await run("openssl", args);
  } catch (cause) {
    throw new Error("openssl failed; if it is missing, install it with: apt-get install openssl", { cause });
  }
}
