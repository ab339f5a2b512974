import { closeSync } from "node:fs";
import type { Attacher } from "./context.ts";
import { openTarget } from "./cgroup.ts";
import { PlainHook } from "./link.ts";

export const attachLirc: Attacher<"lirc"> = ({ kernel }, program, { path }) => {
  const target_fd = openTarget(`lirc:${path}`, path, "Give the receiver's device, as /dev/lirc0");
  const pair = {
    target_fd,
    attach_bpf_fd: program.fd,
    attach_type: program.spec.expectedAttachType ?? 0,
  };
  try {
    kernel.bpf("PROG_ATTACH", pair);
  } catch (error) {
    closeSync(target_fd);
    throw error;
  }
  return new PlainHook(program.name, () => {
    try {
      kernel.bpf("PROG_DETACH", pair);
    } finally {
      closeSync(target_fd);
    }
  });
};
