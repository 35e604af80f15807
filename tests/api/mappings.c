/* SPDX-License-Identifier: MIT */
/*
 * However a heap is made, its process has fewer than 1,000 mappings: 100 GiB in blocks of many
 * sizes, of which a page each is written; thousands of blocks that grow by realloc, which moves
 * pages into mappings of their own; blocks opened to huge pages, and shrunk; all at random; the
 * same in a forked child, whose mappings merge less. Each load is a run of its own with a short
 * decay, and the mappings are counted on the way, at its peak, with every other block freed, and
 * when all that is free has decayed.
 */
#include "check.h"

#include <fcntl.h>
#include <sys/wait.h>

#define MAPPINGS_MAX 1000
#define RESIDENT_MAX (3 * GIB)
#define BLOCKS_MAX 8192
#define DECAY_MS "20"
#define SETTLE_US (4 * 20 * 1000)

static struct {
    char *start;
    size_t size;
} blocks[BLOCKS_MAX];

static size_t most;

/* Calls no function that may allocate. */
static size_t mappings(void)
{
    char text[65536];
    size_t lines = 0;
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    for (ssize_t got; (got = read(fd, text, sizeof text)) > 0;)
        for (ssize_t i = 0; i < got; i++)
            lines += text[i] == '\n';
    close(fd);
    return lines;
}

static size_t resident_bytes(void)
{
    char text[128] = "";
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0 && read(fd, text, sizeof text - 1) > 0);
    close(fd);
    return strtoul(strchr(text, ' ') + 1, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

/* What was never written has no pages, wherever it went. */
static void look(void)
{
    CHECK_LE(resident_bytes(), RESIDENT_MAX);
    size_t now = mappings();
    most = now > most ? now : most;
    CHECK_LE(now, MAPPINGS_MAX - 1);
}

/* A page of the block is written, at both of its ends. */
static void mark(size_t i)
{
    memset(blocks[i].start, (int)i, 16);
    memset(blocks[i].start + blocks[i].size - 16, (int)i, 16);
}

static void check_mark(size_t i, size_t size)
{
    for (size_t at = 0; at < 16; at++)
        CHECK_EQ((unsigned char)blocks[i].start[at], (unsigned char)i);
    for (size_t at = 0; size == blocks[i].size && at < 16; at++)
        CHECK_EQ((unsigned char)blocks[i].start[size - 16 + at], (unsigned char)i);
}

static void take(size_t i, size_t size)
{
    check_case = i;
    blocks[i].start = malloc(size);
    blocks[i].size = size;
    CHECK(blocks[i].start != NULL);
    mark(i);
}

static void resize(size_t i, size_t size)
{
    check_case = i;
    check_mark(i, blocks[i].size);
    char *moved = realloc(blocks[i].start, size);
    CHECK(moved != NULL);
    blocks[i].start = moved;
    check_mark(i, blocks[i].size < size ? 0 : size);
    blocks[i].size = size;
    mark(i);
}

static void give(size_t i)
{
    check_case = i;
    if (blocks[i].start != NULL)
        check_mark(i, blocks[i].size);
    free(blocks[i].start);
    blocks[i].start = NULL;
}

/* The decay, which a slow path now and then may have to do where there is no helper. */
static void settle(void)
{
    for (int i = 0; i < 4; i++) {
        usleep(SETTLE_US / 4);
        free(opaque(malloc(100 * KIB)));
        free(opaque(malloc(3 * MIB)));
    }
    look();
}

/* Holes of every other block first, then what is left. */
static void give_all(size_t count)
{
    for (size_t i = 0; i < count; i += 2)
        give(i);
    look();
    settle();
    for (size_t i = 1; i < count; i += 2)
        give(i);
    look();
    settle();
}

/* ---- the loads ---- */

/* 2 to 256 MiB, small ones between. */
static void of_many_sizes(void)
{
    static const size_t sizes[] = {3 * MIB,   70 * KIB, 5 * MIB, 300,      17 * MIB,  1 * MIB,
                                   130 * MIB, 20 * KIB, 2 * MIB, 40 * MIB, 256 * MIB, 9 * MIB};
    size_t total = 0;
    size_t count = 0;
    for (; total < 100 * GIB && count < BLOCKS_MAX; count++) {
        take(count, sizes[count % 12] + count * 16);
        total += sizes[count % 12];
    }
    look();
    give_all(count);
}

/* Each has its successor behind it, so that it must move; twice. */
static void grow(size_t count, size_t size, size_t rounds)
{
    for (size_t i = 0; i < count; i++)
        take(i, size);
    for (size_t round = 0; round < rounds; round++) {
        for (size_t i = 0; i < count; i++)
            resize(i, blocks[i].size + size / 2);
        look();
    }
    give_all(count);
}

static void grown(void)
{
    grow(1000, 4 * MIB, 3);
}

static void grown_fewer(void)
{
    grow(300, 4 * MIB, 2); /* 2.4 GiB at most, however little has been purged */
}

static void grown_large(void)
{
    grow(520, 24 * MIB, 1);
}

static void grown_1gib(void)
{
    grow(70, 1 * GIB, 1);
}

/* Large, then small again, and freed; what stays in each hole sends the next elsewhere. */
static void shrunk(void)
{
    for (size_t round = 0; round < 15; round++) {
        for (size_t i = 0; i < 100; i++) {
            take(i, 40 * MIB);
            resize(i, 3 * MIB);
            take(100 + round * 100 + i, 37 * MIB);
        }
        look();
        for (size_t i = 0; i < 100; i++)
            give(i);
        for (size_t i = 0; i < 100; i++)
            resize(100 + round * 100 + i, 4 * MIB);
        for (size_t i = 0; i < 100; i++)
            take(1600 + round * 100 + i, 3 * MIB);
        look();
    }
    give_all(3100);
}

static void at_random(void)
{
    uint64_t random = 42;
    for (size_t step = 0; step < 4000; step++) {
        size_t i = random_next(&random) % 500;
        unsigned pick = (unsigned)(random_next(&random) % 8);
        size_t size = (2 * MIB << random_next(&random) % 5) + random_next(&random) % (4 * MIB);
        if (blocks[i].start == NULL)
            take(i, size);
        else if (pick < 4)
            resize(i, size);
        else if (pick < 7)
            resize(i, blocks[i].size + 3 * MIB);
        else
            give(i);
        if (step % 100 == 0)
            look();
        if (step % 1000 == 0)
            settle();
    }
    look();
    give_all(500);
}

/* What is free decays in the child, again and again, and lies elsewhere each time. */
static void in_child(void)
{
    for (size_t i = 0; i < 1000; i++)
        take(i, 3 * MIB);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        for (size_t round = 0; round < 10; round++) {
            for (size_t i = round * 100; i < round * 100 + 100; i++)
                resize(i, 9 * MIB);
            settle();
            for (size_t i = round * 100; i < round * 100 + 100; i += 2)
                give(i);
            settle();
        }
        at_random();
        dprintf(STDERR_FILENO, "  child: %zu mappings at most\n", most);
        _exit(0);
    }
    int status;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
    give_all(1000);
}

static const struct load {
    const char *name;
    void (*run)(void);
    const char *huge_pages;
} loads[] = {
    {"of many sizes", of_many_sizes, "auto"},   {"grown", grown, "auto"},
    {"grown, large", grown_large, "auto"},      {"grown, 1 GiB", grown_1gib, "auto"},
    {"at random", at_random, "auto"},           {"in a child", in_child, "auto"},
    {"grown, always", grown_fewer, "always"},   {"grown, large, always", grown_large, "always"},
    {"shrunk, always", shrunk, "always"},       {"at random, always", at_random, "always"},
    {"in a child, always", in_child, "always"},
};
#define LOADS (sizeof loads / sizeof loads[0])
/* How the library came into the process makes no difference to mappings. */
#ifdef API_LINKED
#define LOADS_HERE 1
#else
#define LOADS_HERE LOADS
#endif

static void run_anew(char *self, size_t number)
{
    char text[8];
    snprintf(text, sizeof text, "%zu", number);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        setenv("HAKMEM_DECAY_MS", DECAY_MS, 1);
        setenv("HAKMEM_HUGE_PAGES", loads[number].huge_pages, 1);
        execl(self, self, text, (char *)NULL);
        _exit(1);
    }
    int status;
    CHECK_EQ(waitpid(child, &status, 0), child);
    CHECK_EQ(status, 0);
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        const struct load *load = &loads[strtoul(argv[1], NULL, 10) % LOADS];
        load->run();
        printf("%-24s %5zu mappings at most\n", load->name, most);
        return 0;
    }
    for (size_t i = 0; i < LOADS_HERE; i++)
        run_anew(argv[0], i);
    return 0;
}
