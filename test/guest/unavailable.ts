/** No guest can be had on this machine: the message says why, and becomes the reason of the skip. */
export class Unavailable extends Error {
  override readonly name = "Unavailable";
}
