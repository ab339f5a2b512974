// Runs programs with ubpf for bench/vm/peer.ts, which says what the lines are. Linked with the library that
// --ubpf names; of its interface only what is declared here is used.
#define _GNU_SOURCE
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

struct ubpf_vm;
typedef uint64_t (*jitted)(void *memory, size_t size);
struct ubpf_vm *ubpf_create(void);
void ubpf_destroy(struct ubpf_vm *vm);
int ubpf_load(struct ubpf_vm *vm, const void *code, uint32_t size, char **error);
int ubpf_exec(const struct ubpf_vm *vm, void *memory, size_t size, uint64_t *result);
jitted ubpf_compile(struct ubpf_vm *vm, char **error);

enum { AREA = 1 << 16, PACKET_AT = 4096 };

static size_t unhex(const char *text, uint8_t *out)
{
	size_t size = strlen(text) / 2;
	for (size_t at = 0; at < size; at++)
		sscanf(text + 2 * at, "%2hhx", &out[at]);
	return size;
}

static uint64_t now(void)
{
	struct timespec time;
	clock_gettime(CLOCK_MONOTONIC, &time);
	return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

int main(void)
{
	// A context's pointers have 32 bits.
	uint8_t *area = mmap(NULL, AREA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	static char line[1 << 20], mode[16];
	static uint8_t packet[AREA - PACKET_AT];
	struct ubpf_vm *vm = NULL;
	jitted function = NULL;
	char *error = NULL;
	size_t packet_size = 0;
	unsigned long long times;

	if (area == MAP_FAILED)
		return 1;
	setvbuf(stdout, NULL, _IOLBF, 0);
	while (fgets(line, sizeof line, stdin)) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "prepare ", 8)) {
			char *code = line + 8, *bytes = strchr(code, ' ');
			static uint8_t insns[1 << 18];
			*bytes++ = 0;
			size_t size = unhex(code, insns);
			packet_size = unhex(bytes, packet);
			((uint32_t *)area)[0] = (uint32_t)(uintptr_t)(area + PACKET_AT);
			((uint32_t *)area)[1] = (uint32_t)(uintptr_t)(area + PACKET_AT + packet_size);
			if (vm)
				ubpf_destroy(vm);
			vm = ubpf_create();
			error = NULL;
			function = NULL;
			if (ubpf_load(vm, insns, (uint32_t)size, &error) == 0)
				function = ubpf_compile(vm, &error);
			printf(function ? "ok\n" : "error: %s\n", error);
		} else if (sscanf(line, "run %15s %llu", mode, &times) == 2) {
			uint64_t result = 0;
			bool jit = !strcmp(mode, "jit"), failed = false;
			memcpy(area + PACKET_AT, packet, packet_size);
			uint64_t start = now();
			for (unsigned long long time = 0; time < times; time++) {
				if (jit)
					result = function(area, AREA);
				else
					failed |= ubpf_exec(vm, area, AREA, &result) != 0;
			}
			uint64_t spent = now() - start;
			if (failed)
				printf("error: it was stopped\n");
			else
				printf("%llu %llu\n", (unsigned long long)spent, (unsigned long long)result);
		} else
			printf("error: what?\n");
	}
	return 0;
}
