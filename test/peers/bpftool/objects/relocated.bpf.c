// Returns where a field lies in the kernel, or with OTHER is types of a kernel where it lies elsewhere.
#define SEC(NAME) __attribute__((section(NAME), used))

struct task_struct {
#ifdef OTHER
	char before[1000];
#endif
	int pid;
} __attribute__((preserve_access_index));

SEC("socket")
int offset(void *context)
{
	struct task_struct *task = 0;

	return __builtin_preserve_field_info(task->pid, 0);
}

char _license[] SEC("license") = "GPL";
