import koffi from "koffi";
import { library } from "./library.ts";

/*
 * struct ifreq as SIOCETHTOOL takes it: the link's name, and where the request and its answer stand.
 *
 *      0                16            24          40
 *      +----------------+-------------+- - - - - -+
 *      | name, NUL-     | pointer to  | unused     |
 *      | padded         | the request |            |
 *      +----------------+-------------+- - - - - -+
 */
koffi.struct("ocicat_ethtool_ifreq", {
  name: koffi.array("char", 16),
  data: "void *",
  rest: koffi.array("char", 16),
});

const call = library.func("int ioctl(int fd, unsigned long request, ocicat_ethtool_ifreq *ifreq)");
const SIOCETHTOOL = 0x8946;

/** Asks for what `bytes` say about a link; the answer is put in their place. -1 and errno on failure. */
export function ethtool(fd: number, name: string, bytes: Uint8Array): number {
  return call(fd, SIOCETHTOOL, { name, data: bytes, rest: "" });
}
