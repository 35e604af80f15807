/* SPDX-License-Identifier: MIT */
/*
 * A program that locks its memory, as those do that must not wait for a disk, or that hold keys:
 * mlockall() makes present all that is accessible, so that what the allocator has merely reserved
 * must not be. The heap works after it.
 */
#include "check.h"

#include <sys/mman.h>

#define ACCESSIBLE_MAX (1 * GIB)
#define BLOCKS 2000

/* The bytes that the process may write to. */
static size_t accessible_bytes(void)
{
    char line[512];
    char mode[5];
    size_t start, end, sum = 0;
    FILE *maps = fopen("/proc/self/maps", "r");
    CHECK(maps != NULL);
    while (fgets(line, sizeof line, maps))
        if (sscanf(line, "%zx-%zx %4s", &start, &end, mode) == 3 && mode[1] == 'w')
            sum += end - start;
    fclose(maps);
    return sum;
}

static void use_heap(void)
{
    static char *blocks[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++) {
        check_case = i * 97;
        blocks[i] = malloc(i * 97);
        CHECK(blocks[i] != NULL);
        memset(blocks[i], 1, i * 97);
    }
    for (size_t i = 0; i < BLOCKS; i++)
        free(blocks[i]);
}

int main(void)
{
    if (dlsym(RTLD_DEFAULT, "__asan_init") || dlsym(RTLD_DEFAULT, "__tsan_init"))
        return 0; /* their own tables are larger than that */
    free(malloc(1));
    CHECK(accessible_bytes() < ACCESSIBLE_MAX);
    use_heap();
    CHECK(accessible_bytes() < ACCESSIBLE_MAX);
    /* not everybody may */
    if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0)
        CHECK(errno == EPERM || errno == ENOMEM);
    use_heap();
    munlockall();
    return 0;
}
