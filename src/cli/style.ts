import { styleFor, type Style } from "../report/index.ts";

/** The style of standard error. Node makes a stream to tell whether it is a terminal: only once something is shown there. */
export const errorStyle: Style = (colour, text) =>
  styleFor({ isTTY: process.stderr.isTTY }, process.env)(colour, text);
