/* SPDX-License-Identifier: MIT */
/*
 * A program that is never at rest while it is looked at. moving FILE WORD MIB: it grows,
 * shrinks, maps, forks, exits or executes itself again and again, until it is killed. FILE is
 * shared with the one who looks: while `phase` is even and stays the same, the RSS of `pid`
 * moves in one direction only.
 */
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define BLOCK ((size_t)96)
#define HUGE ((size_t)3 << 20)

static struct {
    _Atomic uint64_t phase;
    _Atomic int64_t pid;
} * shared;

/* Blocks hang together, so that no array of them is needed. */
struct block {
    struct block *next;
};

static struct block *take(struct block *list, size_t size)
{
    struct block *block = malloc(size);
    if (!block)
        _exit(98);
    memset(block, 1, size);
    block->next = list;
    return block;
}

/* Small blocks, and between them a Huge one now and then. */
static struct block *grow(size_t bytes)
{
    struct block *list = NULL;
    for (size_t taken = 0; taken < bytes;) {
        size_t next = taken + 3 * HUGE;
        for (; taken < next && taken < bytes; taken += BLOCK)
            list = take(list, BLOCK);
        list = take(list, HUGE);
        taken += HUGE;
    }
    return list;
}

/* Each block is written often before, so that this takes as long as to grow. */
static void shrink(struct block *list)
{
    while (list) {
        struct block *next = list->next;
        for (int i = 0; i < 8; i++)
            memset(list, i, BLOCK);
        free(list);
        list = next;
    }
}

/* Up, strictly, and down again. */
static void run_grow(size_t bytes)
{
    for (;;) {
        struct block *list = grow(bytes);
        shared->phase++;
        shrink(list);
        shared->phase++;
    }
}

/* Pages go back as they become free: HAKMEM_DECAY_MS is 0. */
static void run_shrink(size_t bytes)
{
    for (;;) {
        shared->phase++;
        struct block *list = grow(bytes);
        shared->phase++;
        shrink(list);
    }
}

/* A parent that stays as it is, and children that write to what they share with it. */
static void run_fork(size_t bytes)
{
    struct block *list = grow(bytes);
    for (;;) {
        pid_t child = fork();
        if (child == 0) {
            for (struct block *block = list; block; block = block->next)
                memset(block + 1, 2, BLOCK - sizeof *block);
            _exit(0);
        }
        if (child < 0 || waitpid(child, NULL, 0) != child)
            _exit(97);
    }
}

/* Children that grow and exit. */
static void run_exit(size_t bytes)
{
    shared->phase++; /* odd while there is no child */
    for (;;) {
        pid_t child = fork();
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            shared->pid = getpid();
            shared->phase++;
            grow(bytes);
            exit(0);
        }
        if (child < 0 || waitpid(child, NULL, 0) != child)
            _exit(97);
        shared->phase++;
    }
}

static void run_exec(size_t bytes, char **argv)
{
    shared->phase += shared->phase % 2; /* the program before may have left it odd */
    grow(bytes);
    shared->phase++;
    execv("/proc/self/exe", argv);
    _exit(96);
}

/* A mapping of the program's own that grows upwards: it is listed again when it grows between two
 * reads of smaps. Several, so that one of them lies where a read ends. */
static void run_map(size_t bytes)
{
    enum { MAPPINGS = 8, STEP = 64 << 10 };
    const size_t size = bytes / MAPPINGS;
    for (;;) {
        char *at[MAPPINGS];
        for (int i = 0; i < MAPPINGS; i++)
            at[i] = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (size_t done = 0; done + STEP <= size; done += STEP)
            for (int i = 0; i < MAPPINGS; i++) {
                if (mprotect(at[i], done + STEP, PROT_READ | PROT_WRITE) != 0)
                    _exit(94);
                memset(at[i] + done, 1, STEP);
            }
        shared->phase++;
        for (int i = 0; i < MAPPINGS; i++)
            munmap(at[i], size);
        shared->phase++;
    }
}

int main(int argc, char **argv)
{
    int file = argc == 4 ? open(argv[1], O_RDWR) : -1;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (shared == MAP_FAILED)
        return 99;
    close(file);
    size_t bytes = (size_t)atol(argv[3]) << 20;
    if (strcmp(argv[2], "exit") == 0)
        run_exit(bytes);
    shared->pid = getpid();
    if (strcmp(argv[2], "grow") == 0)
        run_grow(bytes);
    if (strcmp(argv[2], "shrink") == 0)
        run_shrink(bytes);
    if (strcmp(argv[2], "map") == 0)
        run_map(bytes);
    if (strcmp(argv[2], "fork") == 0)
        run_fork(bytes);
    if (strcmp(argv[2], "exec") == 0)
        run_exec(bytes, argv);
    return 95;
}
