#include "common.h"

struct {
	int (*type)[HASH];
	int (*max_entries)[16];
	u32 *key;
	struct event *value;
} events SECTION(".maps");

struct {
	int (*type)[ARRAY];
	int (*max_entries)[1];
	u32 *key;
	u64 *value;
} first_only SECTION(".maps");

extern struct {
	int (*type)[ARRAY];
	int (*max_entries)[4];
	u32 *key;
	u64 *value;
} second_map SECTION(".maps");

const volatile u32 wanted = 3;
u64 counter = 7;
u64 zeroed;
extern u64 second_data;
static volatile u8 odd = 1;
static volatile const char text[] = "first";

extern u64 second_sum(u64 a, u64 b);
extern u64 weak_one(u64 a) WEAK;

NOINLINE u64 weak_choice(u64 a) WEAK;
u64 weak_choice(u64 a) { return a + 1; }

/* A name that the other object has too. */
static NOINLINE u64 helper(u64 a) { return a * 3 + odd + text[odd & 3]; }

SECTION("socket") int first(void *ctx)
{
	u32 key = wanted;
	struct event *event = map_lookup(&events, &key);
	u64 *own = map_lookup(&first_only, &key);
	u64 *theirs = map_lookup(&second_map, &key);

	if (event && own && theirs)
		counter += event->when + *own + *theirs;
	zeroed = helper(counter) + second_data;
	return second_sum(counter, 2) + weak_choice(zeroed);
}

char LICENSE[] SECTION("license") = "GPL";
