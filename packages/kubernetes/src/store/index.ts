export { KubernetesDatastore, type KubernetesOptions } from "./datastore.ts";
