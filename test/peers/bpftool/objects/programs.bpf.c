// What the peers of bpftool's command lines look at: types of many kinds, and a program with all debug information.
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
typedef int s32;

#define SEC(NAME) __attribute__((section(NAME), used))
#define uint(name, value) int(*name)[value]
#define type(name, value) typeof(value) *name

enum colour { RED, GREEN = 5, BLUE = -1 };
enum wide : u64 { WIDE_LOW = 1, WIDE_HIGH = 0x100000000ULL };

struct nested {
	u8 first;
	u16 second;
	struct {
		u32 inner;
		u64 deep;
	};
	union {
		u64 whole;
		u8 bytes[8];
	} as;
};

struct key {
	u32 id;
	char name[16];
};

struct value {
	s32 count;
	u64 total;
	u32 flag : 1, kind : 3, rest : 12;
	enum colour colour;
	enum wide wide;
	struct nested nested;
	struct value *next;
	int (*callback)(struct key *, void *);
	const volatile char letter;
	_Bool yes;
	u16 list[3];
	long grid[2][2];
	__int128 big;
};

struct {
	uint(type, 1);
	type(key, struct key);
	type(value, struct value);
	uint(max_entries, 8);
} typed_hash SEC(".maps");

struct {
	uint(type, 6);
	type(key, u32);
	type(value, u64);
	uint(max_entries, 2);
} typed_percpu SEC(".maps");

const char bpf_metadata_author[] SEC(".rodata") = "somebody";
const int bpf_metadata_version SEC(".rodata") = 7;
int counter = 41;
u64 seen;
const volatile struct value limits = { .count = 3, .colour = GREEN };

static void *(*const lookup)(void *map, const void *key) = (void *)1;
static long (*const update)(void *map, const void *key, const void *value, u64 flags) = (void *)2;
static u64 (*const ktime)(void) = (void *)5;
static long (*const loop)(u32 count, void *callback, void *context, u64 flags) = (void *)181;

struct __sk_buff {
	u32 len;
	u32 pkt_type;
	u32 mark;
};

__attribute__((noinline)) int scale(struct __sk_buff *skb, int factor)
{
	return skb->len * factor + counter;
}

SEC("socket")
int filter_with_a_long_name(struct __sk_buff *skb)
{
	struct key key = { .id = skb->len };
	struct value fresh = {};
	struct value *value = lookup(&typed_hash, &key);

	if (!value) {
		fresh.count = scale(skb, limits.count);
		fresh.total = ktime();
		update(&typed_hash, &key, &fresh, 0);
		return 0;
	}
	value->count += scale(skb, 2);
	__sync_fetch_and_add(&value->total, skb->len);
	seen++;
	return value->count > 100 ? skb->len : 0;
}

SEC("xdp")
int pass(void *context)
{
	u32 key = 0;
	u64 *slot = lookup(&typed_percpu, &key);

	if (slot)
		*slot += 1;
	return 2;
}

char _license[] SEC("license") = "GPL";
