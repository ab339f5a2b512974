/* What these sources need of the kernel's ABI, and no more. */
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

#define SECTION(name) __attribute__((section(name), used))
#define HIDDEN __attribute__((visibility("hidden")))
#define WEAK __attribute__((weak))
#define NOINLINE __attribute__((noinline))
#define HASH 1
#define ARRAY 2

static void *(*const map_lookup)(void *map, const void *key) = (void *)1;
static u64 (*const now)(void) = (void *)5;
static long (*const for_each)(void *map, void *callback, void *context, u64 flags) = (void *)164;

struct shared;
struct event {
	u64 when;
	struct shared *owner;
	struct event *next;
};
