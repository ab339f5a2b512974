import { guestSuite } from "./suite.ts";

guestSuite("5.10");
