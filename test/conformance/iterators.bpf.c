// Iterators whose output the test reads, on every kernel.
#include "vmlinux.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>

char _license[] SEC("license") = "GPL";

int wanted_pid = 0;
unsigned int wanted_fd = 0;

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 64);
	__type(key, __u32);
	__type(value, __u64);
} iterated_hash SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 3);
	__type(key, __u32);
	__type(value, __u64);
} iterated_cpus SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, 3);
	__type(value, __u32);
} iterated_queue SEC(".maps");

SEC("iter/bpf_map")
int maps(struct bpf_iter__bpf_map *ctx)
{
	struct seq_file *seq = ctx->meta->seq;
	struct bpf_map *map = ctx->map;

	if (!map) {
		BPF_SEQ_PRINTF(seq, "end\n");
		return 0;
	}
	if (map->name[0] == 'i' && map->name[8] == '_')
		BPF_SEQ_PRINTF(seq, "%s %u %u %u %u\n", map->name, map->map_type, map->key_size, map->value_size,
			       map->max_entries);
	return 0;
}

SEC("iter/bpf_prog")
int progs(struct bpf_iter__bpf_prog *ctx)
{
	struct bpf_prog *prog = ctx->prog;

	if (prog && prog->expected_attach_type == BPF_TRACE_ITER && prog->aux->name[0] == 'p')
		BPF_SEQ_PRINTF(ctx->meta->seq, "%s %d %d\n", prog->aux->name, prog->type, prog->aux->id > 0);
	return 0;
}

SEC("iter/bpf_link")
int links(struct bpf_iter__bpf_link *ctx)
{
	struct bpf_link *link = ctx->link;

	if (link && link->type == BPF_LINK_TYPE_ITER && link->prog->aux->name[0] == 'l')
		BPF_SEQ_PRINTF(ctx->meta->seq, "%s %d\n", link->prog->aux->name, link->id > 0);
	return 0;
}

SEC("iter/bpf_map_elem")
int hash_elements(struct bpf_iter__bpf_map_elem *ctx)
{
	__u32 *key = ctx->key;
	__u64 *value = ctx->value;

	if (!key || !value)
		return 0;
	BPF_SEQ_PRINTF(ctx->meta->seq, "%u=%llu\n", *key, *value);
	*value += 1;
	return 0;
}

SEC("iter/bpf_map_elem")
int cpu_elements(struct bpf_iter__bpf_map_elem *ctx)
{
	__u32 *key = ctx->key;
	__u64 *value = ctx->value;

	if (!key || !value)
		return 0;
	bpf_seq_write(ctx->meta->seq, key, 4);
	bpf_seq_write(ctx->meta->seq, value, 8);
	return 0;
}

SEC("iter/task")
int tasks(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (task && task->pid == wanted_pid)
		BPF_SEQ_PRINTF(ctx->meta->seq, "%d %d %d %s\n", task->pid, task->tgid, task->real_parent->tgid,
			       task->comm);
	return 0;
}

SEC("iter/task_file")
int files(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	char path[64];

	if (!task || !file || task->tgid != wanted_pid || ctx->fd != wanted_fd)
		return 0;
	if (bpf_d_path(&file->f_path, path, sizeof(path)) < 0)
		return 0;
	BPF_SEQ_PRINTF(ctx->meta->seq, "%u %x %s\n", ctx->fd, file->f_inode->i_mode, path);
	return 0;
}

SEC("iter/task_vma")
int mappings(struct bpf_iter__task_vma *ctx)
{
	struct task_struct *task = ctx->task;
	struct vm_area_struct *vma = ctx->vma;

	if (task && vma && task->tgid == wanted_pid)
		BPF_SEQ_PRINTF(ctx->meta->seq, "%llx-%llx %llx\n", vma->vm_start, vma->vm_end, vma->vm_flags & 7);
	return 0;
}

char line[1024];

/* More than one buffer of the reader. */
SEC("iter/bpf_map_elem")
int much(struct bpf_iter__bpf_map_elem *ctx)
{
	__u32 *key = ctx->key;

	if (!key)
		return 0;
	line[0] = '0' + (ctx->meta->seq_num & 7);
	bpf_seq_write(ctx->meta->seq, line, sizeof(line));
	return 0;
}

/* What never fits. */
SEC("iter/bpf_map_elem")
int too_much(struct bpf_iter__bpf_map_elem *ctx)
{
	int i;

	if (!ctx->key)
		return 0;
	for (i = 0; i < 40; i++)
		bpf_seq_write(ctx->meta->seq, line, sizeof(line));
	return 0;
}

SEC("iter/bpf_map_elem")
int again(struct bpf_iter__bpf_map_elem *ctx)
{
	return ctx->key ? 1 : 0;
}
