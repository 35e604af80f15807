/* SPDX-License-Identifier: MIT */
/*
 * What tests/lint/fast_path.sh counts the instructions of: fast_path PAIRS SIZE calls malloc(SIZE)
 * and free PAIRS times. Each call is the only one of a function of its own, so that callgrind's
 * cost of the calls from that function is the cost of malloc, or of free, alone. Exit status 1: a
 * malloc failed.
 */
#include <stdlib.h>

__attribute__((noinline)) static void *call_malloc(size_t size)
{
    void *volatile block = malloc(size);
    return block;
}

__attribute__((noinline)) static int call_free(void *block)
{
    int is_missing = block == NULL;
    free(block);
    return is_missing;
}

int main(int argc, char **argv)
{
    if (argc != 3)
        return 2;
    size_t size = strtoul(argv[2], NULL, 10);
    int status = 0;
    for (unsigned long pairs = strtoul(argv[1], NULL, 10); pairs != 0; pairs--)
        status |= call_free(call_malloc(size));
    return status;
}
