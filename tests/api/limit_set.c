/* SPDX-License-Identifier: MIT */
/*
 * hak_set_limit: a limit that is set, lowered and taken away while the program runs, with threads
 * that take memory meanwhile, holds from the call on.
 */
#include "check.h"
#include "hak_names.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#define BLOCK (256 * KIB)
#define COUNT_MAX ((size_t)1024)
/* Memory is taken into use by superslabs. */
#define SLACK (4 * MIB)
#define SLACK_OF_THREADS (96 * MIB)
#define THREADS 4

static char *blocks[COUNT_MAX];

/* Take blocks until one is refused; returns how many there were. */
static size_t fill(void)
{
    size_t count = 0;
    while (count < COUNT_MAX && (blocks[count] = malloc(BLOCK)) != NULL)
        memset(blocks[count++], 1, BLOCK);
    for (size_t i = 0; i < count; i++)
        free(blocks[i]);
    return count;
}

static atomic_bool is_over;

static void *churn(void *unused)
{
    (void)unused;
    while (!is_over) {
        char *block = malloc(3 * MIB);
        if (block)
            memset(block, 1, 3 * MIB);
        free(block);
    }
    return NULL;
}

/* `slack`: free memory that has pages is handed out again, and not refused, until it has gone back;
 * other threads may be at that. */
static void set_and_fill(size_t slack)
{
    CHECK(hak.set_limit(32 * MIB));
    CHECK_LE(fill() * BLOCK, 32 * MIB + slack);
    CHECK(hak.set_limit(128 * MIB));
    size_t more = fill();
    CHECK_LE(more * BLOCK, 128 * MIB + slack);
    CHECK_GE(more * BLOCK, 32 * MIB);
    CHECK(hak.set_limit(0));
    CHECK_EQ(fill(), COUNT_MAX);
}

int main(void)
{
    pthread_t threads[THREADS];
    if (!hak_find())
        return 0;
    errno = 0;
    CHECK(!hak.set_limit(SIZE_MAX));
    CHECK_EQ(errno, EINVAL);
    errno = 0;
    CHECK(!hak.set_limit((size_t)1 << 41));
    CHECK_EQ(errno, EINVAL);
    set_and_fill(SLACK);
    for (size_t i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, churn, NULL) == 0);
    for (check_case = 0; check_case < 3; check_case++)
        set_and_fill(SLACK_OF_THREADS);
    is_over = true;
    for (size_t i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
