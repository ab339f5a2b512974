// An iterator over tasks, or with MAP over the elements of a map: a line for the first.
typedef unsigned int u32;
typedef unsigned long long u64;

#define SEC(NAME) __attribute__((section(NAME), used))

struct seq_file;
struct task_struct;
struct bpf_map;

struct bpf_iter_meta {
	struct seq_file *seq;
	u64 session_id;
	u64 seq_num;
};

static long (*const seq_write)(struct seq_file *file, const void *data, u32 size) = (void *)127;

static void write_once(struct bpf_iter_meta *meta)
{
	char line[] = "first\n";

	if (meta->seq_num == 0)
		seq_write(meta->seq, line, sizeof(line) - 1);
}

#ifdef MAP
struct bpf_iter__bpf_map_elem {
	struct bpf_iter_meta *meta;
	struct bpf_map *map;
	void *key;
	void *value;
};

SEC("iter/bpf_map_elem")
int elements(struct bpf_iter__bpf_map_elem *context)
{
	write_once(context->meta);
	return 0;
}
#else
struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

SEC("iter/task")
int tasks(struct bpf_iter__task *context)
{
	write_once(context->meta);
	return 0;
}
#endif

char _license[] SEC("license") = "GPL";
