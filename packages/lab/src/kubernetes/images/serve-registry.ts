/** The process that serves a lab's images: started by its path, in the control plane's network. `serve-registry.js DIR PORT` */
import { ImageStore } from "./image-store.ts";
import { serveRegistry } from "./registry.ts";

serveRegistry(new ImageStore(process.argv[2] ?? ""), Number(process.argv[3]));
