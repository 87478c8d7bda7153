import { kernelCompliance } from "../../src/compliance/index.ts";
import { hostFixture } from "./host-fixture.ts";

kernelCompliance("this machine's kernel", hostFixture);
