export { Attributes, encodeAttributes } from "./attributes.ts";
export type { Attribute } from "./attributes.ts";
export { TC_HANDLE, XDP_FLAGS } from "./constants.ts";
export { NetlinkError } from "./error.ts";
export type { NetlinkErrorCode } from "./error.ts";
export { addLink, deleteLink, linkByName, networkLinks, setLinkUp, setXdp } from "./links.ts";
export type { NetworkLink, XdpAttachment, XdpMode, XdpRequest } from "./links.ts";
export { decodeMessages, encodeMessage, endsAnswer } from "./message.ts";
export type { NetlinkMessage } from "./message.ts";
export { dump, request } from "./request.ts";
export type { NetlinkPort } from "./request.ts";
export {
  addBpfFilter,
  addClsact,
  bpfFilters,
  deleteBpfFilter,
  deleteClsact,
  queueingDisciplines,
  trafficClasses,
} from "./traffic-control.ts";
export type {
  BpfAction,
  BpfFilter,
  BpfFilterRequest,
  TrafficDirection,
  TrafficQueue,
} from "./traffic-control.ts";
