import { guestSuite } from "./suite.ts";

guestSuite("7.2");
