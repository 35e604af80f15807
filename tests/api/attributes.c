/* SPDX-License-Identifier: MIT */
/*
 * What a program does to the mapping of its blocks (protection, advice about fork and core dumps,
 * locks, a mapping of its own in their place) ends with them: the next owner can write all of the
 * block, a child sees what was written, and no trace is left in the kernel's books. Spans and Huge
 * blocks, all of the block and parts of it; in a process that has forked, and in its child.
 */
#include "check.h"

#include <sys/mman.h>
#include <sys/wait.h>

enum deed { NO_ACCESS, READ_ONLY, EXECUTE, NO_FORK, WIPE, NO_DUMP, LOCK, SHARE, DEEDS };

static const size_t sizes[] = {64 * KIB, 300 * KIB, MIB, 2 * MIB, 3 * MIB, 4 * MIB, 40 * MIB};
#define SIZES (sizeof(sizes) / sizeof(sizes[0]))
#define PAGE ((size_t)sysconf(_SC_PAGESIZE))

/* False where it may not be done. */
static bool change(enum deed deed, char *start, size_t size)
{
    int all = PROT_READ | PROT_WRITE;
    switch (deed) {
    case NO_ACCESS: return mprotect(start, size, PROT_NONE) == 0;
    case READ_ONLY: return mprotect(start, size, PROT_READ) == 0;
    case EXECUTE: return mprotect(start, size, all | PROT_EXEC) == 0;
    case NO_FORK: return madvise(start, size, MADV_DONTFORK) == 0;
    case WIPE: return madvise(start, size, MADV_WIPEONFORK) == 0;
    case NO_DUMP: return madvise(start, size, MADV_DONTDUMP) == 0;
    case LOCK: return mlock(start, size) == 0;
    case SHARE:
        return mmap(start, size, all, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED;
    case DEEDS: break;
    }
    return false;
}

/* Does the kernel say of any page of the block what it does not say of fresh ones? */
static bool is_marked(const char *block, size_t size)
{
    char line[512];
    char mode[5];
    size_t start, end;
    bool is_inside = false, is_marked = false;
    FILE *maps = fopen("/proc/self/smaps", "r");
    CHECK(maps != NULL);
    while (fgets(line, sizeof line, maps)) {
        if (sscanf(line, "%zx-%zx %4s", &start, &end, mode) == 3) {
            is_inside = start < (size_t)block + size && end > (size_t)block;
            is_marked |= is_inside && strcmp(mode, "rw-p") != 0;
        } else if (is_inside && strncmp(line, "VmFlags:", 8) == 0) {
            is_marked |= strstr(line, " dc") || strstr(line, " wf") || strstr(line, " dd") ||
                         strstr(line, " lo");
        }
    }
    fclose(maps);
    return is_marked;
}

static bool holds(const char *block, size_t size, char value)
{
    return block[0] == value && memcmp(block, block + 1, size - 1) == 0;
}

/* As a program would that knows nothing of the block's past. */
static void use(char *block, size_t size)
{
    int status;
    memset(block, 3, size);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        bool is_seen = holds(block, size, 3);
        memset(block, 4, size);
        _exit(is_seen ? 0 : 1);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(holds(block, size, 3));
    CHECK(!is_marked(block, size));
}

/* The next owner of a block of this size; its past can only be judged if something was done. */
static void use_next(size_t size, bool is_done)
{
    char *next = malloc(size);
    CHECK(next != NULL);
    if (is_done)
        use(next, size);
    free(next);
}

static void try_one(enum deed deed, size_t size, size_t from, size_t length)
{
    check_case = (size_t)deed * 10 * GIB + size + from;
    char *block = aligned_alloc(PAGE, size);
    CHECK(block != NULL);
    memset(block, 1, size);
    bool is_done = change(deed, block + from, length);
    free(block);
    use_next(size, is_done);
}

static void try_all(void)
{
    for (int deed = 0; deed < DEEDS; deed++)
        for (size_t i = 0; i < SIZES; i++) {
            try_one((enum deed)deed, sizes[i], 0, sizes[i]);
            try_one((enum deed)deed, sizes[i], PAGE, 2 * PAGE);
            try_one((enum deed)deed, sizes[i], sizes[i] - PAGE, PAGE);
        }
}

/* Blocks side by side, all changed alike. False where that may not be done. */
static bool take_changed(enum deed deed, char **blocks, size_t count, size_t size)
{
    bool is_done = true;
    for (size_t i = 0; i < count; i++) {
        blocks[i] = aligned_alloc(PAGE, size);
        CHECK(blocks[i] != NULL);
        memset(blocks[i], 1, size);
    }
    for (size_t i = 0; i < count; i++)
        is_done = change(deed, blocks[i], size) && is_done;
    return is_done;
}

/* Spans side by side that end together; what is taken next is cut otherwise. */
static void try_many(enum deed deed, size_t next_size, bool is_trimmed)
{
    char *blocks[16];
    check_case = (size_t)deed * 10 * GIB + next_size + is_trimmed;
    bool is_done = take_changed(deed, blocks, 16, MIB);
    for (size_t i = 0; i < 16; i++)
        free(blocks[i]);
    if (is_trimmed)
        malloc_trim(0);
    char *next[64] = {NULL};
    size_t count = 16 * MIB / next_size < 64 ? 16 * MIB / next_size : 64;
    for (size_t i = 0; i < count; i++) {
        next[i] = malloc(next_size);
        CHECK(next[i] != NULL);
        if (is_done) {
            memset(next[i], 2, next_size);
            CHECK(!is_marked(next[i], next_size));
        }
    }
    if (is_done)
        use(next[count - 1], next_size);
    for (size_t i = 0; i < count; i++)
        free(next[i]);
}

static void try_all_many(void)
{
    static const size_t next[] = {2000, 40 * KIB, 300 * KIB, 3 * MIB / 2, 3 * MIB, 12 * MIB};
    for (int deed = 0; deed < DEEDS; deed++)
        for (size_t i = 0; i < sizeof next / sizeof next[0]; i++) {
            try_many((enum deed)deed, next[i], false);
            try_many((enum deed)deed, next[i], true);
        }
}

/* One of several blocks that were changed alike ends. */
static void try_beside(enum deed deed, size_t size)
{
    char *blocks[5];
    check_case = (size_t)deed * 10 * GIB + size;
    bool is_done = take_changed(deed, blocks, 5, size);
    free(blocks[2]);
    use_next(size, is_done);
    for (size_t i = 0; i < 5; i++)
        if (i != 2)
            free(blocks[i]);
}

/* A block whose pages were moved when it grew: another one lies behind it. */
static void try_grown(enum deed deed, size_t from, size_t length)
{
    check_case = (size_t)deed * 10 * GIB + from;
    char *block = malloc(4 * MIB);
    char *behind = malloc(4 * MIB);
    CHECK(block != NULL && behind != NULL);
    memset(block, 1, 4 * MIB);
    block = realloc(block, 40 * MIB);
    CHECK(block != NULL);
    memset(block, 1, 40 * MIB);
    size_t to_page = (PAGE - (size_t)block % PAGE) % PAGE;
    bool is_done = change(deed, block + to_page + from, length);
    free(block);
    use_next(40 * MIB, is_done);
    free(behind);
}

/* Only what a block has given up, which is a little shorter now, was changed. Its slabs stay. */
static void try_shortened(enum deed deed, size_t size)
{
    check_case = (size_t)deed * 10 * GIB + size;
    char *block = aligned_alloc(PAGE, size);
    CHECK(block != NULL);
    memset(block, 1, size);
    bool is_done = change(deed, block + size - PAGE, PAGE);
    char *shorter = realloc(block, size - size / 6);
    CHECK(shorter != NULL);
    free(shorter);
    char *next = aligned_alloc(PAGE, size);
    CHECK(next != NULL);
    if (is_done)
        use(next, size);
    free(next);
}

/* A block too large for bins that shrinks into a class which bins keep. */
static void try_shrunk_into_bins(enum deed deed)
{
    check_case = (size_t)deed;
    char *block = malloc(600 * KIB);
    CHECK(block != NULL);
    memset(block, 1, 600 * KIB);
    bool is_done = change(deed, block + PAGE - (size_t)block % PAGE, PAGE);
    char *shorter = deed == NO_ACCESS ? block : realloc(block, 250 * KIB);
    CHECK(shorter != NULL);
    free(shorter);
    use_next(250 * KIB, is_done);
}

static void try_all_others(void)
{
    for (int deed = 0; deed < DEEDS; deed++) {
        for (size_t i = 0; i < SIZES && sizes[i] < 8 * MIB; i++)
            try_beside((enum deed)deed, sizes[i]);
        for (size_t i = 0; i < SIZES && sizes[i] < 8 * MIB; i++)
            try_shortened((enum deed)deed, sizes[i]);
        try_grown((enum deed)deed, 0, PAGE);
        try_grown((enum deed)deed, 8 * MIB, 2 * MIB);
        try_shrunk_into_bins((enum deed)deed);
    }
}

/* A block that shrinks gives up its end. */
static void try_shrink(size_t size)
{
    check_case = size;
    char *block = aligned_alloc(PAGE, size);
    CHECK(block != NULL && mprotect(block + size / 2 + PAGE, PAGE, PROT_NONE) == 0);
    char *shorter = realloc(block, size / 2);
    CHECK(shorter == block);
    char *others[64];
    for (size_t i = 0; i < 64; i++) {
        others[i] = malloc(size / 4);
        CHECK(others[i] != NULL);
        memset(others[i], 1, size / 4);
    }
    for (size_t i = 0; i < 64; i++)
        free(others[i]);
    free(shorter);
}

int main(void)
{
    int status;
    if (dlsym(RTLD_DEFAULT, "__asan_init") || dlsym(RTLD_DEFAULT, "__tsan_init"))
        return 0; /* not our heap */
    try_all();
    try_all_many();
    try_all_others();
    try_shrink(MIB);
    try_shrink(16 * MIB);
    pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        try_all();
        try_all_many();
        try_all_others();
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    return 0;
}
