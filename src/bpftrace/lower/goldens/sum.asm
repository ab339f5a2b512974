tracepoint/syscalls/sys_enter_test: sys_enter_test, 14 instructions
; 1: first line
   0: r6 = *(u64 *)(r1 +0)  ; syscalls:sys_enter_test.ret
   1: *(u32 *)(r10 -4) = 0
   2: r1 = map AT_
   4: r2 = r10
   5: r2 += -4
   6: call bpf_map_lookup_elem#1
   7: if r0 == 0x0 goto pc+4
   8: r5 = *(u64 *)(r0 +0)
   9: r5 += r6
  10: *(u64 *)(r0 +0) = r5
  11: *(u64 *)(r0 +8) = 1
  12: r0 = 0
  13: exit
