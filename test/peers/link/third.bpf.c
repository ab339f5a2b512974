#include "common.h"

extern u64 counter;
extern const int CONFIG_HZ __attribute__((section(".kconfig"))) WEAK;

SECTION("socket") int third(void *ctx)
{
	return counter + CONFIG_HZ;
}

char LICENSE[] SECTION("license") = "GPL";
