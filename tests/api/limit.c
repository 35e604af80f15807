/* SPDX-License-Identifier: MIT */
/*
 * HAKMEM_LIMIT: the program, started again with a limit, allocates up to it in blocks of each kind;
 * then calls fail with ENOMEM, what it has is whole, and when it frees there is room again. What is
 * free is given back first; the handler of hak_on_limit is asked before a call fails. Without the
 * setting nothing fails.
 */
#include "check.h"

#include <stdlib.h>
#include <sys/wait.h>

#define LIMIT (128 * MIB)
#define COUNT_MAX ((size_t)1 << 20)

static char *blocks[COUNT_MAX];
static size_t count;

/* Fill memory with blocks of one size until there is no more. */
static void fill(size_t size)
{
    for (count = 0; count < COUNT_MAX; count++) {
        errno = 0;
        blocks[count] = malloc(size);
        if (!blocks[count])
            break;
        memset(blocks[count], (int)count, size);
    }
    CHECK_EQ(errno, ENOMEM);
    CHECK_LE(count * size, LIMIT);
    CHECK_GE(count * size, LIMIT / 2);
}

static void empty(size_t size)
{
    for (size_t i = 0; i < count; i++) {
        CHECK_EQ((unsigned char)blocks[i][size - 1], (unsigned char)i);
        free(blocks[i]);
    }
}

static void up_to_the_limit(size_t size)
{
    check_case = size;
    for (int round = 0; round < 2; round++) {
        fill(size);
        CHECK_FAILS(calloc(1, LIMIT), ENOMEM);
        CHECK_FAILS(realloc(blocks[0], 2 * LIMIT), ENOMEM);
        empty(size);
    }
}

#ifdef API_LINKED
static int asked;

/* Frees the last three quarters, once. */
static bool free_some(size_t wanted, void *context)
{
    CHECK(wanted > 0 && context == &asked);
    size_t kept = count / 4;
    if (++asked > 1)
        return false;
    while (count > kept)
        free(blocks[--count]);
    return true;
}

static void with_handler(void)
{
    size_t size = 300 * KIB;
    hak_on_limit(free_some, &asked);
    for (count = 0; asked < 2; count++) {
        blocks[count] = malloc(size);
        if (!blocks[count])
            break;
        memset(blocks[count], 1, size);
    }
    CHECK_EQ(asked, 2);
    hak_on_limit(NULL, NULL);
    while (count > 0)
        free(blocks[--count]);
}
#else
static void with_handler(void) {}
#endif

static void run_again(char *self, const char *limit)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        if (limit)
            setenv("HAKMEM_LIMIT", limit, 1);
        execl(self, self, limit ? "limited" : "free", (char *)NULL);
        _exit(1);
    }
    int status;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        run_again(argv[0], "128M");
        run_again(argv[0], NULL);
        return 0;
    }
    if (strcmp(argv[1], "free") == 0) {
        void *block = malloc(2 * LIMIT);
        CHECK(block != NULL);
        memset(block, 1, 2 * LIMIT);
        free(block);
        return 0;
    }
    static const size_t sizes[] = {200, 3000, 40 * KIB, 300 * KIB, 5 * MIB};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        up_to_the_limit(sizes[i]);
    with_handler();
    return 0;
}
