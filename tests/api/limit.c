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
/* Read anew after each malloc: its handler may change it, which the compiler does not expect. */
static volatile size_t count;

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
#define SPAN (300 * KIB)

static int asked;

static void take_until_refused(void)
{
    for (;;) {
        char *block = malloc(SPAN);
        if (!block)
            return;
        memset(block, 1, SPAN);
        blocks[count++] = block;
    }
}

static void free_down_to(size_t kept)
{
    while (count > kept)
        free(blocks[--count]);
}

/* Frees the last three quarters, once. */
static bool free_some(size_t wanted, void *context)
{
    CHECK(wanted == SPAN && context == &asked);
    if (++asked > 1)
        return false;
    free_down_to(count / 4);
    return true;
}

/* What it frees is there for the call that asked, and for others. */
static void handler_that_frees(void)
{
    hak_on_limit(free_some, &asked);
    asked = 0;
    take_until_refused();
    CHECK_EQ(asked, 2);
    CHECK_GE(count * SPAN, LIMIT * 3 / 4);
    free_down_to(0);
}

/* Says so each time, and frees nothing. */
static bool free_nothing(size_t wanted, void *context)
{
    (void)wanted, (void)context;
    asked++;
    return true;
}

static void handler_that_lies(void)
{
    hak_on_limit(free_nothing, NULL);
    asked = 0;
    take_until_refused();
    CHECK_GE(asked, 2);
    CHECK_LE(asked, 100);
    free_down_to(0);
}

/* Allocates, far more than there is: not asked again for that. Sets another handler. Forks. */
static bool do_all(size_t wanted, void *context)
{
    (void)wanted, (void)context;
    asked++;
    CHECK(malloc(LIMIT) == NULL);
    free(malloc(100));
    hak_on_limit(free_some, &asked);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        free_down_to(count / 2);
        char *block = malloc(SPAN);
        if (block)
            memset(block, 1, SPAN);
        _exit(block == NULL);
    }
    int status;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    return false;
}

static void handler_that_calls_us(void)
{
    hak_on_limit(do_all, NULL);
    asked = 0;
    take_until_refused();
    CHECK_EQ(asked, 1);
    take_until_refused(); /* the one that was set meanwhile: its first call is our second */
    CHECK_EQ(asked, 2);
    hak_on_limit(NULL, NULL);
    free_down_to(0);
}

static void with_handler(void)
{
    count = 0;
    handler_that_frees();
    handler_that_lies();
    handler_that_calls_us();
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
        execl(self, self, limit ? limit : "free", (char *)NULL);
        _exit(1);
    }
    int status;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
}

/* A block grows where it is, though there is no room for another of its size. */
static void grow_past_half(void)
{
    char *block = NULL;
    for (size_t size = 5 * MIB; size <= LIMIT / 4 * 3; size += 5 * MIB) {
        block = realloc(block, size);
        CHECK(block != NULL);
        memset(block + size - 5 * MIB, 1, 5 * MIB);
    }
    CHECK_FAILS(realloc(block, 2 * LIMIT), ENOMEM);
    free(block);
}

/* A block that grows in small steps reaches the limit, and not more. Room for a move of the block
 * may not stay open after it has grown in place. */
static void grow_to_the_limit(void)
{
    char *block = NULL;
    size_t size = 0;
    for (char *grown; (grown = realloc(block, size + 64 * KIB)) != NULL; size += 64 * KIB) {
        memset(grown + size, 1, 64 * KIB);
        block = grown;
    }
    CHECK_EQ(errno, ENOMEM);
    CHECK_GE(size, LIMIT / 4 * 3);
    CHECK_LE(size, LIMIT);
    free(block);
}

/* What a range is aligned in is not what it takes. */
static void aligned_widely(void)
{
    for (size_t alignment = 4 * MIB; alignment <= 8 * LIMIT; alignment *= 2) {
        void *block = aligned_alloc(alignment, 4 * KIB);
        CHECK(block != NULL && (uintptr_t)block % alignment == 0);
        free(block);
    }
}

/* A limit below what there is at the start: little is granted, then calls fail, and it runs on. */
static void below_the_start(void)
{
    char *block = malloc(1);
    CHECK(block != NULL);
    CHECK_FAILS(malloc(64 * MIB), ENOMEM);
    for (count = 0; count < COUNT_MAX && (blocks[count] = malloc(100 * KIB)) != NULL; count++)
        memset(blocks[count], 1, 100 * KIB);
    CHECK_LE(count * 100 * KIB, 16 * MIB);
    while (count > 0)
        free(blocks[--count]);
    free(block);
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        run_again(argv[0], "128M");
        run_again(argv[0], "1");
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
    if (strcmp(argv[1], "1") == 0) {
        below_the_start();
        return 0;
    }
    static const size_t sizes[] = {200, 3000, 40 * KIB, 300 * KIB, 5 * MIB};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
        up_to_the_limit(sizes[i]);
    grow_past_half();
    grow_to_the_limit();
    aligned_widely();
    with_handler();
    return 0;
}
