/** What a verdict of the verifier means, and what usually helps. */
export interface VerifierMessage {
  /** Against one line of the log. */
  readonly pattern: RegExp;
  readonly meaning: string;
  readonly fix: string;
}

type Row = readonly [pattern: RegExp, meaning: string, fix: string];

/** The wordings are those of kernel/bpf/{verifier,check_btf,cfg,states,btf}.c, Linux 5.10 to 7.2. */
const ROWS: readonly Row[] = [
  [
    /call unknown#195896080|invalid func unknown#195896080/,
    "A CO-RE relocation failed, and the instruction was replaced so that it cannot run",
    "The field or type does not exist on this kernel: guard the access with bpf_core_field_exists() or bpf_core_type_exists()",
  ],
  // Memory whose bounds are not known.
  [
    /invalid mem access '(?:map_value|mem|ptr|rdonly_mem|sock|sock_common|tcp_sock|xdp_sock|socket)\w*_or_null'|Possibly NULL pointer passed/,
    "The pointer may be NULL here: a lookup or a helper that returned it can fail",
    "Compare it with NULL first, and use it only on the branch where it is not",
  ],
  [
    /invalid mem access '(?:scalar|inv)'/,
    "A plain number is used as an address: the verifier does not know that it is a pointer, or has lost it",
    "Read through a pointer of a known type (BTF), or use bpf_probe_read_kernel() or bpf_probe_read_user(). A pointer is also lost by arithmetic of 32 bits and by spilling parts of it",
  ],
  [
    /invalid mem access '/,
    "Memory of this kind cannot be read or written directly",
    "Use the helper made for it, or bpf_probe_read_kernel()",
  ],
  [
    /unbounded memory access|unbounded min value/,
    "An offset or length has no upper bound that the verifier knows",
    "Bound it right before its use, by a comparison (if (n > MAX) return 0;) or a mask (n &= MAX - 1). The compiler may bound another copy: make the variable volatile or use a barrier",
  ],
  [
    /min value is (?:negative|outside)/,
    "An offset or length may be negative",
    "Make it unsigned, mask it, or check that it is not below 0",
  ],
  [
    /outside of the allowed memory range|invalid access to (?:map value|map key|memory|map_value)/,
    "The access may reach behind the end of its memory",
    "Check offset + size against the size of the value (or map key, or buffer), not the offset alone",
  ],
  [
    /invalid access to packet|offset is outside of the packet/,
    "The packet may end before these bytes",
    "Compare data + offset + size with data_end on this path, and again after every helper that may change the packet",
  ],
  [
    /invalid (?:indirect )?(?:read from|access to|write to|zero-sized read)? ?stack|invalid (?:indirect )?(?:read from|write to|access to)(?: variable-offset| unbounded)?.* stack|invalid variable-offset/,
    "Stack memory is read before it was written, or outside of the 512 bytes below r10",
    "Set the whole variable first (struct key k = {};): padding between members counts too. Index arrays on the stack only with bounded numbers",
  ],
  [
    /corrupted spill|attempt to corrupt spilled pointer|invalid size of register (?:spill|fill)|leaking pointer from stack/,
    "A pointer kept on the stack is overwritten or read back in parts",
    "Store and load pointers whole, 8 bytes at a multiple of 8",
  ],
  [
    /!read_ok$|R\d+ !read_ok/,
    "A register is read that holds nothing here: it was never set, or a call has destroyed it (r1 to r5)",
    "Keep what is needed across calls in r6 to r9 or on the stack; in C: initialise the variable on every path, give every function its arguments",
  ],
  [
    /frame pointer is read only/,
    "r10 points to the stack and cannot be changed",
    "Copy it: r2 = r10; r2 += -8",
  ],
  [
    /misaligned (?:stack |packet |value |context |pkt )?access|access misaligned/,
    "The address is no multiple of the size of the access",
    "Align the member, copy by bytes (memcpy, __packed), or load with BPF_F_ANY_ALIGNMENT where the machine permits it",
  ],
  [
    /(?:read|write) (?:from|into|to) map forbidden|write into map forbidden|cannot write into/,
    "The map or memory is read-only (or write-only) for programs",
    "Write to a copy, or create the map without BPF_F_RDONLY_PROG; .rodata and frozen maps can only be read",
  ],
  // Context.
  [
    /invalid bpf_context access|invalid access to context/,
    "This program type's context has no such field, or the field cannot be accessed with this size or written",
    "Use the context struct of the program's own type (SEC and struct must fit), whole fields, and a constant offset. For tracepoints compare with events/*/format",
  ],
  [
    /dereference of modified (?:ctx|\w+) ptr|variable (?:ctx )?access var_off|variable ctx access|cannot be at variable offset/,
    "The pointer to the context (or to a kernel object) was changed before its use",
    "Access its fields by constant offsets from the pointer as it was given; let the compiler not merge them: use __builtin_preserve_access_index or volatile",
  ],
  [
    /cannot write into packet|the prog does not allow writes to packet/,
    "Programs of this type may not change packets",
    "Use a type that may (xdp, tc) or bpf_skb_store_bytes()",
  ],
  [
    /only read (?:from \w+ )?is supported/,
    "Kernel objects can be read but not written",
    "Change them through the helper or kfunc that exists for it",
  ],
  [
    /access beyond (?:struct|the end of)|access beyond the end of member|invalid access to (?:member|struct)/,
    "The access reaches over the end of the kernel's struct or member",
    "Look at the type on this kernel: bpfkit btf dump file /sys/kernel/btf/vmlinux format c",
  ],
  // Arguments of calls.
  [
    /type=(\S+) expected=(\S+)/,
    "A helper or kfunc got an argument of another kind than it takes",
    "Pass what is expected: fp is the stack, map_value a looked-up value, ctx the program's context unchanged, map_ptr the map itself",
  ],
  [
    /must be a known constant|is not a known (?:constant|value)|is not a const\b/,
    "The argument must be a constant that the verifier can see",
    "Pass a literal, or a const volatile in .rodata set before loading",
  ],
  [
    /unreleased reference|Unreleased reference|Leaking reference|would lead to reference leak|reference has not been acquired/i,
    "Something acquired (a socket, a ring buffer record, a task) is not released on every path",
    "Release it before every return: bpf_ringbuf_submit() or _discard(), bpf_sk_release(), bpf_task_release(), ...",
  ],
  [
    /expected (?:pointer to|an initialized|uninitialized)|must be referenced or trusted|must be a rcu pointer|Expected an initialized dynptr|Dynptr has to be/,
    "The argument is not in the state that the function wants (trusted, referenced, initialised, under RCU)",
    "Take the pointer from a trusted source (an argument of tp_btf or fentry, a kfunc that acquires it), or hold bpf_rcu_read_lock() around its use",
  ],
  [
    /cannot pass map_type|map_type \d+ into func|expected prog array map for tail call/,
    "The helper does not work with maps of this type",
    "Each helper has its map types: bpf_perf_event_output a perf event array, bpf_ringbuf_* a ring buffer, bpf_tail_call a program array",
  ],
  [
    /leaks addr (?:into|as)|pointer comparison prohibited|leaks addr/,
    "A kernel address would become visible",
    "Load with CAP_PERFMON (as root), or do not store, compare or return pointers",
  ],
  // Which functions there are.
  [
    /unknown func|invalid func (?!info)/,
    "This kernel has no such helper",
    "Probe first (bpf_core_enum_value_exists(enum bpf_func_id, ...)), or use a newer kernel",
  ],
  [
    /program of this type cannot use helper|helper call is not allowed|supported only for fentry|not supported for program type/,
    "Programs of this type may not call the helper",
    "See which may: bpfkit feature probe; choose another helper or another type of program",
  ],
  [
    /GPL-restricted|non-GPL compatible|must have a GPL compatible/,
    "The function is for GPL programs only",
    'Declare it: char LICENSE[] SEC("license") = "GPL";',
  ],
  [
    /calling kernel function \S+ is not allowed|kernel function .* is not allowed|calling invalid kernel function/,
    "This kfunc is not open to programs of this type",
    "Look at its registration in the kernel, or choose another hook",
  ],
  [
    /cannot find address for kernel function|failed to find BTF for kernel function|kernel btf_id \d+ is not a function|invalid kernel function btf_id/,
    "The kfunc does not exist in this kernel",
    "Declare it __weak and test it with bpf_ksym_exists()",
  ],
  [
    /must be sleepable|sleepable (?:helper|global function|kfunc)|is sleepable within|can only be sleepable|cannot be sleepable/,
    "A function that may sleep is called where sleeping is not possible",
    'Use the sleepable section (SEC("fentry.s/..."), lsm.s, iter.s, uprobe.s, syscall), outside of locks and RCU sections',
  ],
  [
    /JIT (?:does not|doesn't|is required)|not supported by jit/i,
    "The machine's BPF compiler is off or does not know this",
    "Turn it on: sysctl net.core.bpf_jit_enable=1; some features exist on x86-64 and arm64 only",
  ],
  // Pointer arithmetic.
  [
    /pointer arithmetic (?:on \S+ prohibited, null-check it first)/,
    "The pointer may be NULL, and arithmetic on it would hide that",
    "Compare it with NULL before adding to it",
  ],
  [
    /pointer arithmetic|pointer \S+ pointer prohibited|bitwise operator|tried to subtract pointer|subtraction from stack pointer|math between .* pointer/,
    "This arithmetic on a pointer is not permitted: only adding and subtracting bounded numbers is",
    "Compute the offset as a number first, bound it, and add it once",
  ],
  [
    /pointer be out of bounds|tried to \S+ beyond pointer bounds/,
    "The sum of pointer and number may leave what can be addressed",
    "Bound the number before it is added",
  ],
  // Flow and size.
  [
    /back-edge from insn|infinite loop detected/,
    "A loop has no end that the verifier can see",
    "Count up to a constant, or use bpf_for(), bpf_loop() or may_goto; kernels before 5.3 want #pragma unroll",
  ],
  [
    /BPF program is too large|program is too large|sequence of \d+ jumps is too complex|processed \d+ insns? \(limit|too many iterations/i,
    "The verifier gave up: too many instructions or paths to walk",
    "Use fewer branches in loops, bpf_loop() in place of unrolling, __noinline global functions (each verified once), or tail calls",
  ],
  [
    /(?:combined )?stack (?:size|depth)|looks like the BPF stack limit|stack limit/i,
    "More than the 512 bytes of stack are needed, all functions of a call chain together",
    "Keep large things in a per-CPU array map, make buffers smaller, and avoid deep call chains with arrays",
  ],
  [
    /call stack of \d+ frames is too deep|recursive call/,
    "Functions call each other deeper than 8 levels, or in a circle",
    "Write loops in place of recursion; inline short functions",
  ],
  [
    /unreachable insn/,
    "Instructions that nothing jumps to: refused without CAP_BPF, and by kernels before 5.x always",
    "Remove dead code; a program of only dead code often comes from an undefined function",
  ],
  [
    /jump out of range|jump into the middle of ldimm64|last insn is not an exit|invalid insn idx/,
    "The program's jumps are broken: they leave the function or land inside an instruction",
    "A compiler does not do this: count the slots again (a 64-bit load takes two), end functions by exit",
  ],
  [
    /R0 !read_ok|R0 not a scalar|At (?:program|subprogram|async callback) exit|At program exit the register R0/,
    "The program ends without a valid return value",
    "Return a number on every path, within the range that the hook permits: 0 or 1 for cgroups, an errno for LSM",
  ],
  [
    /should have been in|R0 .* has (?:unknown scalar )?value/,
    "The return value is outside of what the hook permits",
    "Return only the values in the brackets, and make that visible: if (ret) return 1; return 0;",
  ],
  [
    /invalid return type/,
    "The function's return type is not known to this kernel",
    "The kernel may be older than the helper: probe first",
  ],
  // Dynptrs, iterators, interrupts, exceptions.
  [
    /dynptr/i,
    "A dynptr is not handled by its rules: it lives on the stack at a fixed place, is set up once, and ends once",
    "Create it with its own function (bpf_dynptr_from_*, bpf_ringbuf_reserve_dynptr), pass its address unchanged, and submit or discard it on every path",
  ],
  [
    /expected (?:an )?(?:un)?initialized iter|expected valid iter|iter_\w+ as/,
    "An iterator is used before bpf_iter_*_new() or after bpf_iter_*_destroy()",
    "Use bpf_for_each(), which does both",
  ],
  [
    /irq (?:flag|state)|cannot restore irq/,
    "Interrupt states are restored in the opposite order of their saving, from the variable on the stack",
    "Restore the last one saved first, on every path",
  ],
  [
    /requires RCU critical section|expected an RCU CS|unmatched rcu|unmatched attempt to enable preemption/,
    "This needs an RCU read lock around it, or ends one that was not begun",
    "bpf_rcu_read_lock() before and bpf_rcu_read_unlock() after, on every path of the same function",
  ],
  [
    /exception cb|exception callback/,
    "The exception callback is not of the form that the kernel wants",
    "A global function with one integer argument and a return value, named in __exception_cb()",
  ],
  [
    /cannot be called from callback|callback (?:function|verification)|Caller passes invalid args into|callee expects \d+ args/,
    "A function is called with other arguments, or from another place, than it permits",
    "Match the prototype; global functions are verified alone, so tag what their pointers are: __arg_ctx, __arg_nonnull, __arg_trusted",
  ],
  [
    /same insn cannot be used with different pointers/,
    "One instruction is reached with pointers of two kinds, which the kernel would have to translate differently",
    "Access each kind in its own branch, and keep the compiler from merging them: barrier_var(ptr)",
  ],
  [
    /R\d+ is invalid|fd \d+ is not pointing to valid/,
    "The instruction names a register or a map that does not exist",
    "Registers are r0 to r10; check that relocations of maps were applied",
  ],
  [
    /BPF_ATOMIC (?:stores into|loads from)|invalid atomic operand size/,
    "Atomic operations work on map values, stack and arenas only, of 4 or 8 bytes",
    "Do the update on a map value",
  ],
  [
    /invalid sock access|invalid access to flow keys|flow keys/,
    "The struct behind the pointer has no such field, or the field cannot be accessed so",
    "Use whole fields of the struct at constant offsets",
  ],
  [
    /negative offset \S+ ptr|pointer offset|cannot pass in \S+ at an offset|must have zero offset|has to be at a constant offset/,
    "The pointer must point to the start of its object here",
    "Pass it as it was given, without adding to it",
  ],
  [/disabled hook/, "This LSM hook is closed to programs", "Choose another hook"],
  [
    /invalid zero-sized read|memory, len pair|leads to invalid memory access/,
    "The length that goes with the memory may be 0, or larger than the memory",
    "Check that the length is above 0 and at most the size, right before the call",
  ],
  [
    /cannot update sockmap|non-zero flags/,
    "The helper is not permitted so in this type of program",
    "See bpf-helpers(7) for what it takes here",
  ],
  [
    /unexpected __bpf_trap/,
    "The compiler has put a trap where the program's behaviour is undefined",
    "Look for variables that are read before they are set, and for functions without return (compile with -Wall)",
  ],
  // Locks.
  [
    /unlock|AA deadlock|lock.*(?:held|taking|same allocation)|while holding a lock|cannot be used inside bpf_(?:spin_lock|rcu|preempt|local_irq)|function calls are not allowed while/,
    "A lock is not held as the rules want it: one at a time, released on every path, no calls between",
    "Keep the locked part short and straight: lock, touch the value, unlock",
  ],
  [
    /bpf_spin_lock|bpf_timer|bpf_list_head|bpf_rb_root|cannot be accessed directly by load\/store/,
    "A special field of a map value is used otherwise than by its helpers",
    "Touch it only with its own functions; the map needs BTF for its value",
  ],
  // Opcodes.
  [
    /unknown opcode|unknown insn class|invalid BPF_(?:ALU|JMP|LD)|uses reserved fields|invalid bpf_ld_imm64|unrecognized bpf_ld_imm64|BPF_ATOMIC uses invalid/,
    "This kernel does not know the instruction",
    "Compile for an older instruction set (-mcpu=v3, v2, v1), or check that relocations were applied. An opcode like 0xff or imm 0xbad2310 comes from a CO-RE relocation that found nothing",
  ],
  [
    /invalid shift/,
    "The shift count is as large as the operand or larger",
    "Shift by less than 32 or 64 bits",
  ],
  [/div(?:ision)? by zero|BPF_DIV|divide by zero/, "A constant divisor is 0", "Check the divisor"],
  // BTF and metadata.
  [
    /func_info|missing btf func_info|invalid btf id for|invalid type id .* in func info/,
    "The program's function information does not fit its code",
    "The object was changed after compiling, or linked by an old tool: compile again with -g",
  ],
  [
    /line_info|bpf_line_info/,
    "The program's line information does not fit its code",
    "Compile again with -g, or load without line information",
  ],
  [
    /Invalid (?:name|type_id|kind|vlen|size|member|btf_info)|string section|BTF|btf_header|No type found|Type exceeds/,
    "The kernel refuses the type information",
    "The kernel may be older than the compiler: load with a loader that adapts BTF (this one does), or compile with an older -g format",
  ],
  [
    /Attaching (?:tracing|fexit)|attach_btf_id|is not a supported struct|Cannot replace|attach to (?:invalid|unsupported)/,
    "The function or struct member cannot be attached to",
    "Choose another: inlined, notrace and denied functions cannot be traced; see bpfkit trace -l 'fentry:*'",
  ],
  [
    /LD_ABS|BPF_LD_\[ABS/,
    "Old packet loads are not permitted here",
    "Use direct packet access or bpf_skb_load_bytes()",
  ],
  [
    /tail_call|tail call/,
    "A tail call is used where it cannot be",
    "Only in the main program or a function that returns int, not in callbacks; not mixed with calls before 5.10",
  ],
  [
    /arena|addr_space_cast/,
    "The arena is not used as the kernel wants it",
    "One arena a program, CAP_BPF and CAP_PERFMON, JIT on, pointers marked __arena",
  ],
  [
    /verifier internal error|verifier bug|kernel subsystem misconfigured/i,
    "The verifier itself has failed",
    "This is a bug of the kernel: report it to bpf@vger.kernel.org with the program",
  ],
  [
    /kptr|uptr/,
    "A pointer kept in a map value is not handled by its rules",
    "Move it in and out with bpf_kptr_xchg(), whole, and check the result for NULL",
  ],
  [
    /CAP_|!root|for CAP_BPF and CAP_SYS_ADMIN/,
    "The one who loads lacks a capability",
    "Load as root, or with CAP_BPF and CAP_PERFMON (and CAP_NET_ADMIN for network programs)",
  ],
  // Locks, graphs and objects of the program's own.
  [
    /has no valid (?:bpf_\w+|kptr|\w+_lock)|has to be at the constant offset|spin lock arg on|w\/o active lock|doesn't point to 'struct bpf_\w+'|Failed to acquire lock state|failed to push state for failed lock/,
    "A lock, timer or other special field is not where the verifier can find it, or its lock is not held",
    "Put struct bpf_spin_lock (bpf_timer, ...) directly into the map's value, once, pass its address unchanged, and hold the lock where the operation wants it",
  ],
  [
    /not allowed in rbtree cb|bpf_rb_node pointer|operation on \S+ expects arg#1|offset=-?\d+, but expected \S+ at offset=|bpf_\{list_head,rb_root\}|neither owning or non-owning ref|non-owning|NON_OWN_REF|expects only one referenced object/,
    "A list or tree gets a node that is not its own, not owned, or at the wrong place",
    "Name the node's type and member in __contains() of the root, push nodes from bpf_obj_new() that are not in a list or tree yet, and touch them only under the root's lock",
  ],
  [
    /bpf_(?:percpu_)?obj_new|expected for bpf_(?:percpu_)?obj_drop|local type ID argument|allocated object must|bpf_refcount field|map value or allocated object/,
    "An allocated object is of a type that cannot be allocated, or the pointer is not one that was",
    "Give bpf_obj_new() a struct of the program's own BTF (typeof(*pointer)), and hand its result to bpf_obj_drop() without an offset",
  ],
  [
    /(?:timer|bpf_task_work|workqueue|task_work) pointer in R\d map_uid|doesn't match map pointer in/,
    "The timer (or work) is of another map than the one that is passed with it",
    "Pass the address of the map that the value was looked up in",
  ],
  [
    /callback|bad parent state for iter/,
    "A callback is called, or returns, otherwise than its helper allows",
    "Give the callback the helper's parameters, static storage, and a return value of 0 or 1",
  ],
  // Functions that replace or trace others.
  [
    /Extension program|Cannot extend|Cannot (?:recursively attach|nest tracing)|freplace|attachable to another BPF prog|is not modifiable|modify return codes|not allowed for fmod_ret|is not a global function|Can attach to only JITed|Target program bound|BPF_LSM_CGROUP that attach|>8 byte return value|Tracing programs must provide btf_id|The address of function/,
    "This function or program cannot be attached to in this way",
    "Extensions replace global (not static) functions of programs that are no extensions or tracers themselves; modify_return needs a function marked for error injection or a security hook; tracers cannot trace tracers more than once",
  ],
  [
    /\w+\(\) has \d+ args while|Subprog \S+ doesn't exist|in \w+\(\) (?:has (?:size|unrecognized)|is )|Return type .* doesn't match type|may write into memory pointed|arg\d+ \S+\(struct \S+ \*\) doesn't match|The function \S+ (?:arg\d+|has|return type|with variable)/,
    "The function that is to be replaced or traced has a signature that does not fit",
    "Declare the same parameters and result as the target has: bpftool btf dump prog id ID format c, or bpfkit trace -lv 'fentry:NAME', shows them",
  ],
  [
    /func '\S*' (?:arg\d+|doesn't have|offset|size)|func \S+ has non-overwritten|direct access to \S+ is disallowed|has non-overwritten BPF_PTR_POISON|invalid btf_id for context argument/,
    "An argument of the traced function is read that it does not have, or not as a whole",
    "Read arguments as 64-bit words below the function's count of them, and go on through pointers with BTF types only",
  ],
  // Functions of the program itself.
  [
    /[Gg]lobal function|Function \S+ has \d+ > \d+ args|Invalid type of function|incorrect func proto|kernel supports at most \d+ parameters|arg#\d+ (?:has|should|reference type|struct|type|untrusted)|[Aa]rg#\d+ type|stack args?\b|r11 load|arg slots/,
    "A global function has parameters or a result that the verifier cannot check by their types alone",
    "Use numbers, the context, or pointers to structs of fixed size (tagged __arg_nonnull, __arg_ctx, ...) as parameters, at most five, or make the function static",
  ],
  [
    /is a packet pointer, but func#|helper access to the packet is not allowed/,
    "A packet pointer is handed to a function that may change the packet, or may not read it",
    "Load data and data_end again after the call, or copy the bytes with bpf_skb_load_bytes() or bpf_xdp_load_bytes() first",
  ],
  [
    /is not sleepable|Sleepable program|css_task_iter is only allowed/,
    "A sleepable program (section .s) is not allowed here, or only there",
    "Add or take away the .s of the section name, and use maps and hooks that sleepable programs may have",
  ],
  // What functions of the kernel want.
  [
    /is not a (?:scalar|const(?:ant)?)\b|is not a constant address|expects pointer to|is expected to be non-NULL|doesn't point to a map value|expected \S+ or socket|isn't a? ?map pointer|expected map for helper|is of type \S+ but \S+ is expected|type=\S* expected=|type ID argument|must be an? \w+|repeating \S+ arg|prog->aux|only one constant argument|Two map pointers|unsupported arg type|r1 != ctx|write to change key|memory size \d+ is too large|rdonly\/rdwr_buf_size|invalid arg_type|Helper has invalid btf|must point to/,
    "An argument is not of the kind that the called function wants",
    "Pass what its prototype says: pointers with their kernel type, sizes as constants, the map itself and not its value",
  ],
  [
    /doesn't point to a const string|zero-terminated|readonly map|const string|Invalid format string|direct value access|value address/,
    "A text that must be constant is not in memory that cannot change",
    "Use a string literal or a static const char array (.rodata), with its NUL at the end",
  ],
  [
    /kernel function|kfunc|pointer type \S+ \S+ is not supported|too many different kernel function calls|metadata kfuncs|func_id \d+ is out of range|hdr_len not found|KF_IMPLICIT_ARGS/,
    "The kernel function cannot be called like this, or not by this kernel",
    "See whether the running kernel has it for this program type (bpfkit trace -l 'kfunc:*' or bpftool btf dump) and declare it __ksym with its own types",
  ],
  // Memory of the kernel.
  [
    /is ptr_\S* (?:access|invalid)|cannot access ptr member|\S+ is \S+ invalid negative access|doesn't have field at offset|field \S+ doesn't have size|max struct nesting|is not a struct|cannot be used in tracing programs on types|struct doesn't have a name/,
    "A kernel struct is read outside of its fields, or is memory of a user or of another CPU",
    "Read whole fields by their names (CO-RE); use bpf_probe_read_user() for user memory and bpf_per_cpu_ptr() for per-CPU variables",
  ],
  [
    /buffer offset|invalid \S+ \S*\s?access off=|access cannot have variable offset|variable \S+ access var_off|variable offset stack|cannot be accessed indirectly|access size must be BPF_DW|misaligned \w* ?access|ctx load|map_ptr|kptr access|slot poisoned|not found at offset/,
    "A memory access has an offset, a size or an alignment that this memory does not allow",
    "Access it at constant, aligned offsets with the field's own size",
  ],
  [
    /spilled ptr in range|cannot (?:return stack pointer|spill pointers to stack into)|stack (?:off|R?\d|foo)|allocated_stack|leftover stack slots/,
    "A pointer into the stack goes where it would outlive it, or overwrites another pointer",
    "Let the caller own the memory and pass its address down; keep pointers out of arrays that are written with variable index",
  ],
  [
    /speculative verification|from different maps, paths|unsupported alu operation|mixed signed bounds|partial copy of pointer|sign-extension part of pointer/,
    "Pointer arithmetic that could be misused when the CPU guesses, which unprivileged programs may not do",
    "Load with CAP_PERFMON (or as root), or use the same map and one direction of arithmetic on each path",
  ],
  [
    /ldimm64|pseudo btf|unable to resolve the size|btf_vmlinux|kernel symbol|points? (?:outside of|to outside)|doesn't point to any offset|jump table|insn_array|has type \S+, expected PTR_TO_INSN/,
    "An address of a kernel variable, or of an instruction, cannot be resolved",
    "Declare the variable extern with __ksym and its own type, and see that the running kernel has it; jump tables must lie within their function",
  ],
  [
    /too many subprog|total number of (?:maps|btfs)|complexity limit|iteration limit|only one (?:cgroup storage|hidden subprog)|fd_array|fd_idx|16-bit range|is too long$|the sum of R/,
    "The program exceeds a limit of the kernel",
    "Split it into several programs (tail calls), or do with fewer functions, maps and branches",
  ],
  [
    /\bJIT\b|JITed|offload|device-bound|only supported on 64-bit arches|may_goto/,
    "The program needs the machine's compiler (JIT), or a device, that does not support it",
    "Turn the JIT on (sysctl net.core.bpf_jit_enable=1); for devices load it for the interface that it runs on",
  ],
  [
    /struct_ops|bpf_struct_ops map/,
    "A struct_ops map or program is not what its kernel type wants",
    "Give each member's program the section struct_ops/NAME, and load the module that has the type",
  ],
  [
    /doesn't match map's excl_prog_hash|Invalid (?:attr|btf_\w+|core_relo|excl_\w+|map_\w+|numa_node)\b|mutually exclusive|can only be used with/,
    "A number that was given for the map or program is not allowed, or not with the others",
    "Compare map type, sizes and flags with what the kernel allows for this type (bpfkit explain attr, or bpfkit strace -v, shows what was passed)",
  ],
  [
    /func info|core_relo|relo #|CO-RE relocating|target candidate|candidate matching|insn_off|[Ss]ection (?:overlap|length|offset|found|is)|Exceeded max num of types|chain length or cycle|function name .* too long|type tags?|meta_left|layout_len|Layout section|Invalid magic|Unknown type ID|Unrecognized|Type '\S*'|btf must be|type_id=\d+ index_type_id/,
    "The object's type information (BTF) is broken, or newer than the kernel understands",
    "Compile again with -g and a compiler of the kernel's time; bpfkit and libbpf leave out what the kernel does not know",
  ],
  [
    /BUG|internal bug|misconfigured|INVARIANTS|unexpected regs|backtracking|already allocated|backedge|scc exit|is malformed|include\/linux\/bpf_types\.h|could not be pushed|not marked as callback|is_null|gen_\w+ is null|descriptor not found|not eliminated in verifier|is missing func|conversion \(|unimplemented|unknown re(?:ason|g type|turn type)|unexpected (?:iterator state|reg_type)|unrecognized|Unknown conditional|Couldn't find btf_record|Failed to properly|failed to mark/,
    "The kernel found a contradiction in itself, not in the program",
    "Report it to the kernel's BPF list with program and log; a small change of the program, or another kernel, may help",
  ],
];

export const VERIFIER_MESSAGES: readonly VerifierMessage[] = ROWS.map(([pattern, meaning, fix]) => ({
  pattern,
  meaning,
  fix,
}));

/** The first row that fits the verdict; undefined for a wording that none knows. */
export function verifierMessage(reason: string): VerifierMessage | undefined {
  return VERIFIER_MESSAGES.find(({ pattern }) => pattern.test(reason));
}
