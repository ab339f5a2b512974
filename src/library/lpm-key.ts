import { isIPv4, isIPv6 } from "node:net";
import { LibraryError } from "./library-error.ts";

/**
 * Key of a trie (BPF_MAP_TYPE_LPM_TRIE) for an address or a network: `10.0.0.0/8`, `fe80::/10`, `192.168.0.1`. It is
 * struct bpf_lpm_trie_key: the prefix's length, then the address in network order; a key whose C type is a struct
 * takes these bytes too.
 * @throws LibraryError for what is no address or prefix
 *
 * @example
 * ```ts
 * import { lpmKey } from "bpfkit";
 *
 * console.log(lpmKey("10.0.0.0/8"));
 * // prints Uint8Array(8) [ 8, 0, 0, 0, 10, 0, 0, 0 ]
 * ```
 */
export function lpmKey(prefix: string): Uint8Array {
  const [address = "", length, ...rest] = prefix.split("/");
  const bytes = isIPv4(address)
    ? Uint8Array.from(address.split("."), Number)
    : isIPv6(address)
      ? ipv6Bytes(address)
      : undefined;
  const bits = bytes && (length === undefined ? bytes.length * 8 : wholeNumber(length));
  if (!bytes || bits === undefined || bits > bytes.length * 8 || rest.length > 0)
    throw new LibraryError("library/wrong-kind", `${prefix} is no address and no network as 10.0.0.0/8`);
  const key = new Uint8Array(4 + bytes.length);
  new DataView(key.buffer).setUint32(0, bits, true);
  key.set(bytes, 4);
  return key;
}

function wholeNumber(text: string): number | undefined {
  return /^\d{1,3}$/.test(text) ? Number(text) : undefined;
}

/** The URL parser gives IPv6 addresses one form, without dotted numbers. */
function ipv6Bytes(address: string): Uint8Array | undefined {
  if (address.includes("%")) return undefined;
  const [head = "", tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split("::");
  const front = hexGroups(head);
  const back = hexGroups(tail);
  const zeros = Array<number>(8 - front.length - back.length).fill(0);
  return Uint8Array.from([...front, ...zeros, ...back].flatMap((group) => [group >>> 8, group & 0xff]));
}

function hexGroups(text: string | undefined): number[] {
  return text ? text.split(":").map((group) => Number.parseInt(group, 16)) : [];
}
