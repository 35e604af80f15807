/* SPDX-License-Identifier: MIT */
/*
 * Every question about the heap, and the calls that tidy it up, asked by threads with the smallest
 * stack that a thread may have: they end well, and use no more than 6 KiB of it.
 */
#include "check.h"

#include <limits.h>
#include <pthread.h>
#include <sys/mman.h>

static FILE *null;

static void ask_nothing(void) {}

static void allocate(void)
{
    for (size_t size = 1; size < 8 * MIB; size = size * 5 / 4 + 1) {
        char *block = opaque(malloc(size));
        CHECK(block != NULL);
        block = opaque(realloc(block, size * 2));
        CHECK(block != NULL);
        free(block);
        free(opaque(calloc(1, size)));
        free(opaque(aligned_alloc(4096, size)));
    }
}

static void ask_mallinfo(void)
{
    CHECK_GE(mallinfo2().arena, 1);
}

static void ask_info(void)
{
    CHECK_EQ(malloc_info(0, null), 0);
}

static void trim(void)
{
    free(opaque(malloc(100 * KIB)));
    malloc_trim(0);
}

static void ask_stats(void)
{
    struct hak_stats stats;
    void (*ask)(struct hak_stats *,
                size_t) = (void (*)(struct hak_stats *, size_t))(uintptr_t)API_FUNCTION(hak_stats);
    ask(&stats, sizeof stats);
    CHECK_GE(stats.mapped_bytes, 1);
}

static void ask_json(void)
{
    size_t (*ask)(char *,
                  size_t) = (size_t(*)(char *, size_t))(uintptr_t)API_FUNCTION(hak_stats_json);
    CHECK_GE(ask(NULL, 0), 100);
}

static void check(void)
{
    int (*ask)(void) = (int (*)(void))(uintptr_t)API_FUNCTION(hak_check);
    CHECK_EQ(ask(), 0);
}

static void *call(void *task)
{
    ((void (*)(void))(uintptr_t)task)();
    return NULL;
}

/* Bytes of a stack of PTHREAD_STACK_MIN that are written to; below it nothing is mapped. */
static size_t stack_used(void (*task)(void))
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const size_t size = (size_t)PTHREAD_STACK_MIN;
    pthread_attr_t attributes;
    pthread_t thread;
    unsigned char *room = mmap(NULL, page + size, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(room != MAP_FAILED && mprotect(room, page, PROT_NONE) == 0);
    memset(room + page, 0xa5, size);
    CHECK_EQ(pthread_attr_init(&attributes), 0);
    CHECK_EQ(pthread_attr_setstack(&attributes, room + page, size), 0);
    CHECK_EQ(pthread_create(&thread, &attributes, call, (void *)(uintptr_t)task), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    size_t untouched = 0;
    while (untouched < size && room[page + untouched] == 0xa5)
        untouched++;
    munmap(room, page + size);
    pthread_attr_destroy(&attributes);
    return size - untouched;
}

int main(void)
{
    static void (*const tasks[])(void) = {allocate,  ask_mallinfo, ask_info, trim,
                                          ask_stats, ask_json,     check};
    static char buffer[4096];
    bool own = api_is_hakmem();
    null = fopen("/dev/null", "w");
    CHECK(null != NULL);
    setvbuf(null, buffer, _IOFBF, sizeof buffer);
    size_t least = stack_used(ask_nothing); /* libc's own: the thread's descriptor, TLS */
    for (size_t i = 0; i < (own ? sizeof tasks / sizeof tasks[0] : 4); i++) {
        check_case = i;
        CHECK_LE(stack_used(tasks[i]), least + 6 * KIB);
    }
    fclose(null);
    return 0;
}
