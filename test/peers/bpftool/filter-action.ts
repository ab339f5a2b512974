import type { Kernel } from "../../../src/kernel/index.ts";
import { encodeAttributes, request, TC_HANDLE } from "../../../src/netlink/index.ts";
import type { Attribute } from "../../../src/netlink/index.ts";

// include/uapi/linux/{rtnetlink,pkt_cls}.h and tc_act/tc_bpf.h.
const RTM_NEWTFILTER = 44;
const CREATE = 0x400;
const TCA = { KIND: 1, OPTIONS: 2 } as const;
const TCA_BPF = { ACT: 1, FD: 6, NAME: 7 } as const;
const TCA_ACT_BPF = { PARMS: 2, FD: 5, NAME: 6 } as const;
/** Priority 49 and every protocol, in network order. */
const INFO = (49 << 16) | 0x0300;
/** struct tc_act_bpf; zeros: a new one, and the packet goes on. */
const NO_PARAMETERS = new Uint8Array(20);

/** A filter as they were before direct action: its program classifies, another behind it acts. */
export function addFilterWithAction(
  kernel: Kernel,
  ifindex: number,
  program: { readonly filter: number; readonly action: number },
): void {
  const action: Attribute[] = [
    [TCA.KIND, "bpf"],
    [
      TCA.OPTIONS,
      [
        [TCA_ACT_BPF.FD, program.action],
        [TCA_ACT_BPF.NAME, "acting"],
        [TCA_ACT_BPF.PARMS, NO_PARAMETERS],
      ],
    ],
  ];
  const options: Attribute[] = [
    [TCA_BPF.FD, program.filter],
    [TCA_BPF.NAME, "classifying"],
    [TCA_BPF.ACT, [[1, action]]],
  ];
  const header = Uint32Array.of(0, ifindex, 0, TC_HANDLE.INGRESS, INFO);
  const attributes = encodeAttributes([
    [TCA.KIND, "bpf"],
    [TCA.OPTIONS, options],
  ]);
  request(kernel, "Adding a filter with an action", {
    type: RTM_NEWTFILTER,
    flags: CREATE,
    payload: Buffer.concat([new Uint8Array(header.buffer), attributes]),
  });
}
