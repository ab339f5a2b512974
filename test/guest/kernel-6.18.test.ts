import { guestSuite } from "./suite.ts";

guestSuite("6.18");
