import { closeSync } from "node:fs";
import type { Attacher } from "./context.ts";
import { openTarget } from "./cgroup.ts";
import { BpfLink } from "./link.ts";

const OWN = "/proc/self/ns/net";

export const attachNetns: Attacher<"netns"> = ({ kernel }, program, { path = OWN }) => {
  const namespace = openTarget(`netns:${path}`, path, "Give /run/netns/NAME or /proc/PID/ns/net");
  try {
    const link = kernel.bpf("LINK_CREATE", {
      prog_fd: program.fd,
      target_fd: namespace,
      attach_type: program.spec.expectedAttachType ?? 0,
    });
    return new BpfLink(kernel, link);
  } finally {
    closeSync(namespace);
  }
};
