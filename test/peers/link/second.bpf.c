#include "common.h"

struct shared {
	u64 users;
	struct event *events;
};

struct {
	int (*type)[ARRAY];
	int (*max_entries)[4];
	u32 *key;
	u64 *value;
} second_map SECTION(".maps");

extern u64 counter;
extern const volatile u32 wanted;
u8 small = 1;
u64 second_data = 5;
struct shared holder;
static volatile u64 odd = 9;

static NOINLINE u64 helper(u64 a) { return a - odd; }

NOINLINE u64 second_sum(u64 a, u64 b) { return helper(a) + b; }
NOINLINE u64 weak_choice(u64 a) { return a + 2; }

static long each(void *map, const u32 *key, u64 *value, void *context)
{
	holder.users += *key + *value;
	return 0;
}

SECTION("socket") int second(void *ctx)
{
	for_each(&second_map, each, 0, 0);
	return second_sum(counter, wanted) + small + holder.users;
}

SECTION("xdp") int packets(void *ctx)
{
	counter = now();
	return helper(counter) ? 2 : 1;
}

char LICENSE[] SECTION("license") = "GPL";
