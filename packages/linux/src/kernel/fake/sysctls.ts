import { refuse } from "./refusal.ts";

/** Per link, with the value of a new namespace: what the product and its tests use. */
const PER_LINK: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  "net/ipv4/conf": {
    accept_local: "0",
    arp_announce: "0",
    arp_ignore: "0",
    forwarding: "0",
    proxy_arp: "0",
    proxy_arp_pvlan: "0",
    promote_secondaries: "0",
    route_localnet: "0",
    rp_filter: "0",
    src_valid_mark: "0",
  },
  "net/ipv4/neigh": { proxy_delay: "80", gc_stale_time: "60" },
  "net/ipv6/conf": {
    accept_dad: "1",
    accept_ra: "1",
    addr_gen_mode: "0",
    disable_ipv6: "0",
    forwarding: "0",
    proxy_ndp: "0",
  },
  "net/ipv6/neigh": { proxy_delay: "80", gc_stale_time: "60" },
};

const GLOBAL: Readonly<Record<string, string>> = {
  "net/ipv4/ip_forward": "0",
  "net/ipv4/ip_local_port_range": "32768\t60999",
  "net/ipv4/fib_multipath_hash_policy": "0",
  "net/ipv6/fib_multipath_hash_policy": "0",
  "net/netfilter/nf_conntrack_max": "262144",
};

/** /proc/sys/net of one namespace, as far as the tables above go. */
export class Sysctls {
  readonly #values = new Map(Object.entries(GLOBAL));

  constructor() {
    for (const name of ["all", "default"]) {
      for (const [directory, settings] of Object.entries(PER_LINK)) {
        for (const [key, value] of Object.entries(settings)) this.#values.set(`${directory}/${name}/${key}`, value);
      }
    }
  }

  read(path: string): string | undefined {
    return this.#values.get(path);
  }

  write(path: string, text: string): void {
    const before = this.#values.get(path);
    if (before === undefined) refuse("ENOENT");
    const value = text.trim();
    if (!before.includes("\t") && !/^-?\d+$/.test(value)) refuse("EINVAL");
    this.#values.set(path, value);
    if (path === "net/ipv4/ip_forward" || path === "net/ipv4/conf/all/forwarding") this.#forwardIpv4(value);
    if (path === "net/ipv6/conf/all/forwarding") this.#setAll("net/ipv6/conf", "forwarding", value);
  }

  addLink(name: string): void {
    for (const [directory, settings] of Object.entries(PER_LINK)) {
      for (const key of Object.keys(settings)) {
        this.#values.set(`${directory}/${name}/${key}`, this.#values.get(`${directory}/default/${key}`) ?? "0");
      }
    }
  }

  renameLink(from: string, to: string): void {
    for (const [path, value] of this.#ofLink(from)) {
      this.#values.delete(path);
      this.#values.set(path.replace(`/${from}/`, `/${to}/`), value);
    }
  }

  removeLink(name: string): void {
    for (const [path] of this.#ofLink(name)) this.#values.delete(path);
  }

  #ofLink(name: string): [string, string][] {
    const directories = Object.keys(PER_LINK).map((directory) => `${directory}/${name}/`);
    return [...this.#values].filter(([path]) => directories.some((directory) => path.startsWith(directory)));
  }

  #forwardIpv4(value: string): void {
    this.#values.set("net/ipv4/ip_forward", value);
    this.#setAll("net/ipv4/conf", "forwarding", value);
  }

  #setAll(directory: string, key: string, value: string): void {
    for (const path of this.#values.keys()) {
      if (path.startsWith(`${directory}/`) && path.endsWith(`/${key}`)) this.#values.set(path, value);
    }
  }
}
