// Takes the place of a function of programs.bpf.c.
struct __sk_buff {
	unsigned int len;
};

__attribute__((section("freplace/scale"), used)) int scale_otherwise(struct __sk_buff *skb, int factor)
{
	return factor;
}

char _license[] __attribute__((section("license"), used)) = "GPL";
