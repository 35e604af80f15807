/* SPDX-License-Identifier: MIT */
/*
 * A program that has gone idle gives its memory back: after its last call to the allocator it only
 * sleeps and looks at its RSS, until that is where it was. So with all blocks freed, with one in a
 * thousand kept, in a forked child, and when an owned heap was destroyed. With
 * HAKMEM_BACKGROUND=0 the frees themselves do the work, as far as it is to be bounded.
 */
#include "check.h"
#include "hak_names.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/wait.h>

#define COUNT 400000
#define PATIENCE_MS (1000 * HANG_SECONDS)

/* The helper leaves a sleeping thread one block of each bin. */
#define KEPT (8 * MIB)

static void *blocks[COUNT];

/* Calls no function that may allocate. */
static size_t resident_bytes(void)
{
    char text[128] = "";
    int fd = open("/proc/self/statm", O_RDONLY);
    CHECK(fd >= 0 && read(fd, text, sizeof text - 1) > 0);
    close(fd);
    return strtoul(strchr(text, ' ') + 1, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

static size_t next_size(uint64_t *random, size_t number)
{
    size_t size = 16 + random_next(random) % 685;
    return number % 3000 == 0 ? size * 300 : size;
}

static void allocate(size_t from, size_t to)
{
    uint64_t random = 42 + from;
    for (size_t i = from; i < to; i++) {
        size_t size = next_size(&random, i);
        blocks[i] = malloc(size);
        CHECK(blocks[i] != NULL);
        memset(blocks[i], 1, size);
    }
}

/* In random order, all but each `keep`th (0: all). */
static void release(size_t from, size_t to, size_t keep)
{
    uint64_t random = 7 + from;
    for (size_t i = to - 1; i > from; i--) {
        size_t other = from + random_next(&random) % (i - from + 1);
        void *block = blocks[i];
        blocks[i] = blocks[other];
        blocks[other] = block;
    }
    for (size_t i = from; i < to; i++)
        if (keep == 0 || i % keep != 0) {
            free(blocks[i]);
            blocks[i] = NULL;
        }
}

/* Asleep, but for looks at RSS. Returns whether it came down. */
static bool falls_to(size_t bytes, unsigned patience_ms)
{
    for (unsigned waited = 0; waited < patience_ms; waited += 100) {
        if (resident_bytes() <= bytes)
            return true;
        usleep(100 * 1000);
    }
    return false;
}

static void peak_and_idle(size_t keep, size_t more)
{
    memset(blocks, 1, sizeof blocks);
    size_t before = resident_bytes();
    allocate(0, COUNT);
    size_t peak = resident_bytes();
    CHECK_GE(peak, before + 100 * MIB);
    release(0, COUNT, keep);
    CHECK(falls_to(before + more, PATIENCE_MS));
    release(0, COUNT, 0);
    CHECK(falls_to(before + KEPT, PATIENCE_MS));
}

static void in_child(void)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        peak_and_idle(1000, 20 * MIB);
        _exit(0);
    }
    int status;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
}

/* This program once more, for another of its parts, as the environment's HAKMEM_BACKGROUND says. */
static void again(char *self, const char *part, const char *background)
{
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        setenv("HAKMEM_BACKGROUND", background, 1);
        execl(self, self, part, (char *)NULL);
        _exit(1);
    }
    int status;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
}

/* Nothing but the frees does any work: right after the last of them no more is left than what stays
 * alive and a bounded amount. */
static void without_helper(size_t keep)
{
    size_t before = resident_bytes();
    allocate(0, COUNT);
    CHECK_GE(resident_bytes(), before + 100 * MIB);
    release(0, COUNT, keep);
    CHECK_GE(before + 64 * MIB, resident_bytes());
}

/* A program whose only call that gives something back destroys a heap. */
static void heap_destroyed(void)
{
    if (!hak_find())
        return;
    struct hak_heap *heap = hak.heap_new();
    CHECK(heap != NULL);
    size_t before = resident_bytes();
    for (size_t i = 0; i < COUNT; i++) {
        char *block = hak.heap_malloc(heap, 300);
        CHECK(block != NULL);
        memset(block, 1, 300);
    }
    CHECK_GE(resident_bytes(), before + 100 * MIB);
    hak.heap_destroy(heap);
    CHECK(falls_to(before + KEPT, PATIENCE_MS));
}

static void with_helper(void)
{
    peak_and_idle(0, KEPT);
    peak_and_idle(1000, 20 * MIB);
    in_child();
}

int main(int argc, char **argv)
{
    const char *part = argc > 1 ? argv[1] : "";
    if (strcmp(part, "helper") == 0) {
        with_helper();
    } else if (strcmp(part, "heap") == 0) {
        heap_destroyed();
    } else if (strcmp(part, "alone") == 0) {
        without_helper(0);
    } else if (strcmp(part, "alone, but for some") == 0) {
        without_helper(1000);
    } else {
        again(argv[0], "helper", "1");
        again(argv[0], "heap", "1");
        again(argv[0], "alone", "0");
        again(argv[0], "alone, but for some", "0");
    }
    return 0;
}
