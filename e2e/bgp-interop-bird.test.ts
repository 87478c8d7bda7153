import { birdDaemon } from "./support/bgp/bird.ts";
import { interop } from "./support/bgp/matrix.ts";

interop("BIRD", birdDaemon);
