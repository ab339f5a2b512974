import { ByteReader, ByteWriter } from "../util/index.ts";
import { Attributes, encodeAttributes } from "./attributes.ts";
import type { Attribute } from "./attributes.ts";
import { AF_PACKET, IFF_UP, IFLA, IFLA_INFO, IFLA_XDP, NLM_F, RTM, XDP_ATTACHED } from "./constants.ts";
import { NetlinkError } from "./error.ts";
import type { NetlinkMessage } from "./message.ts";
import { dump, request } from "./request.ts";
import type { NetlinkPort } from "./request.ts";

/** A network interface of this network namespace. */
export interface NetworkLink {
  readonly index: number;
  readonly name: string;
  readonly up: boolean;
  /** Bytes. */
  readonly mtu: number | undefined;
  /** `veth`, `dummy`, `netkit`; undefined for hardware and lo. */
  readonly kind: string | undefined;
  readonly xdp: XdpAttachment | undefined;
}

export type XdpMode = "driver" | "generic" | "offload";

export interface XdpAttachment {
  /** Programs run in several modes at once. */
  readonly multiple: boolean;
  readonly programs: readonly { readonly mode: XdpMode; readonly id: number }[];
}

/** struct ifinfomsg. */
const HEADER_SIZE = 16;

function header(index: number, flags = 0, change = 0): Uint8Array {
  return new ByteWriter(HEADER_SIZE).u8(AF_PACKET).u8(0).u16(0).u32(index).u32(flags).u32(change).finish();
}

function payload(index: number, attributes: readonly Attribute[], flags = 0, change = 0): Uint8Array {
  return new ByteWriter()
    .raw(header(index, flags, change))
    .raw(encodeAttributes(attributes))
    .finish();
}

/** Interfaces in the kernel's order. */
export function networkLinks(kernel: NetlinkPort): NetworkLink[] {
  return dump(kernel, "Listing network interfaces", RTM.GETLINK, header(0))
    .filter(({ type }) => type === RTM.NEWLINK)
    .map(decodeLink);
}

/** @throws NetlinkError `netlink/no-link`, with the names there are */
export function linkByName(kernel: NetlinkPort, name: string): NetworkLink {
  const links = networkLinks(kernel);
  const found = links.find((link) => link.name === name);
  if (found) return found;
  throw new NetlinkError("netlink/no-link", `There is no network interface ${name}`, 0, [
    `This network namespace has: ${links.map((link) => link.name).join(", ")}`,
  ]);
}

/** @throws NetlinkError `netlink/malformed` */
export function decodeLink({ payload: bytes }: NetlinkMessage): NetworkLink {
  if (bytes.length < HEADER_SIZE)
    throw new NetlinkError("netlink/malformed", `A network interface in ${bytes.length} bytes`);
  const reader = new ByteReader(bytes);
  const attributes = Attributes.parse(bytes.subarray(HEADER_SIZE));
  const xdp = attributes.nested(IFLA.XDP);
  return {
    index: reader.i32(4),
    name: attributes.text(IFLA.IFNAME) ?? "",
    up: (reader.u32(8) & IFF_UP) !== 0,
    mtu: attributes.u32(IFLA.MTU),
    kind: attributes.nested(IFLA.LINKINFO)?.text(IFLA_INFO.KIND),
    xdp: xdp && decodeXdp(xdp),
  };
}

const SINGLE_MODES: Readonly<Record<number, XdpMode>> = {
  [XDP_ATTACHED.DRV]: "driver",
  [XDP_ATTACHED.SKB]: "generic",
  [XDP_ATTACHED.HW]: "offload",
};

const MULTIPLE_MODES: readonly (readonly [attribute: number, mode: XdpMode])[] = [
  [IFLA_XDP.SKB_PROG_ID, "generic"],
  [IFLA_XDP.DRV_PROG_ID, "driver"],
  [IFLA_XDP.HW_PROG_ID, "offload"],
];

function decodeXdp(attributes: Attributes): XdpAttachment | undefined {
  const attached = attributes.u8(IFLA_XDP.ATTACHED) ?? XDP_ATTACHED.NONE;
  if (attached === XDP_ATTACHED.NONE) return undefined;
  const single = SINGLE_MODES[attached];
  const modes = single === undefined ? MULTIPLE_MODES : ([[IFLA_XDP.PROG_ID, single]] as const);
  return {
    multiple: attached === XDP_ATTACHED.MULTI,
    programs: modes.flatMap(([attribute, mode]) => {
      const id = attributes.u32(attribute);
      return id === undefined ? [] : [{ mode, id }];
    }),
  };
}

/** How a program is attached at an interface's XDP hook without a link (RTM_SETLINK). */
export interface XdpRequest {
  readonly ifindex: number;
  /** Undefined detaches. */
  readonly program: number | undefined;
  /** XDP_FLAGS bits. */
  readonly flags: number;
  /** With XDP_FLAGS.REPLACE: the program that must be there now. */
  readonly expected?: number;
}

export function setXdp(kernel: NetlinkPort, { ifindex, program = -1, flags, expected }: XdpRequest): void {
  const attributes: Attribute[] = [
    [IFLA_XDP.FD, program],
    [IFLA_XDP.FLAGS, flags],
    ...(expected === undefined ? [] : [[IFLA_XDP.EXPECTED_FD, expected] as const]),
  ];
  const what = `${program < 0 ? "Detaching" : "Attaching"} XDP ${program < 0 ? "from" : "to"} interface ${ifindex}`;
  request(kernel, what, { type: RTM.SETLINK, flags: 0, payload: payload(ifindex, [[IFLA.XDP, attributes]]) });
}

/** Makes an interface, as `{ kind: "dummy", name: "d0" }`; `data` holds the kind's own attributes. */
export function addLink(
  kernel: NetlinkPort,
  link: { readonly name: string; readonly kind: string; readonly data?: readonly Attribute[] },
): void {
  const information: Attribute[] = [
    [IFLA_INFO.KIND, link.kind],
    ...(link.data ? [[IFLA_INFO.DATA, link.data] as const] : []),
  ];
  request(kernel, `Adding the ${link.kind} interface ${link.name}`, {
    type: RTM.NEWLINK,
    flags: NLM_F.CREATE | NLM_F.EXCL,
    payload: payload(0, [
      [IFLA.IFNAME, link.name],
      [IFLA.LINKINFO, information],
    ]),
  });
}

export function deleteLink(kernel: NetlinkPort, index: number): void {
  request(kernel, `Deleting interface ${index}`, {
    type: RTM.DELLINK,
    flags: 0,
    payload: payload(index, []),
  });
}

/** Sets an interface up or down. */
export function setLinkUp(kernel: NetlinkPort, index: number, up: boolean): void {
  request(kernel, `Setting interface ${index} ${up ? "up" : "down"}`, {
    type: RTM.NEWLINK,
    flags: 0,
    payload: payload(index, [], up ? IFF_UP : 0, IFF_UP),
  });
}
