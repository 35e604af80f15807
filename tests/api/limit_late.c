/* SPDX-License-Identifier: MIT */
/*
 * A program that lowers its limit on address space, or on data, when it has freed most of its heap:
 * what is free does not count for it from the next trim on, or the next slow path of a new epoch.
 * The program's own mappings can be made, and the heap works on.
 */
#include "check.h"

#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#define BLOCKS 300
#define BLOCK_SIZE (3 * MIB)
#define LIMIT (400 * MIB)
#define MAPPED (100 * MIB)

static bool can_map(void)
{
    void *mapped = mmap(NULL, MAPPED, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return mapped != MAP_FAILED && munmap(mapped, MAPPED) == 0;
}

static void fill_and_free(void)
{
    static char *blocks[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(BLOCK_SIZE);
        CHECK(blocks[i] != NULL);
        blocks[i][0] = 1;
    }
    for (size_t i = 0; i < BLOCKS; i++)
        free(blocks[i]);
}

/* An epoch ends some time: then one of these sees it. */
static bool can_map_soon(void)
{
    for (unsigned look = 0; look < HANG_SECONDS * 100; look++) {
        free(opaque(malloc(3 * MIB)));
        if (can_map())
            return true;
        usleep(10000);
    }
    return false;
}

static void live(int resource, bool is_trimmed)
{
    struct rlimit limit;
    fill_and_free();
    CHECK(getrlimit((__rlimit_resource_t)resource, &limit) == 0);
    limit.rlim_cur = LIMIT;
    CHECK(setrlimit((__rlimit_resource_t)resource, &limit) == 0);
    if (is_trimmed)
        malloc_trim(0);
    CHECK(is_trimmed ? can_map() : can_map_soon());
    CHECK(opaque(malloc(2 * LIMIT)) == NULL);
    for (size_t i = 0; i < 100; i++) {
        char *block = malloc(i * i * 100);
        CHECK(block != NULL);
        memset(block, 1, i * i * 100);
        free(block);
    }
}

int main(int argc, char **argv)
{
    static const int resources[] = {RLIMIT_AS, RLIMIT_DATA};
    for (size_t i = 0; i < 4; i++) {
        int status;
        check_case = i;
        pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            live(resources[i / 2], i % 2 == 0);
            _exit(0);
        }
        CHECK(waitpid(child, &status, 0) == child && status == 0);
    }
    if (argc > 1)
        return 0;
    /* the same with the helper */
    CHECK(setenv("HAKMEM_BACKGROUND", "1", 1) == 0);
    execl("/proc/self/exe", argv[0], "again", (char *)NULL);
    return 1;
}
