/* SPDX-License-Identifier: MIT */
/* Tests of os/os_linux.c: each promise of the kernel contract, and each call made to fail. */
#include "unit/unit.h"

#include "os/os.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>

/* Kernel headers may be older than the kernel. */
#ifndef PR_SET_VMA
#define PR_SET_VMA 0x53564d41
#define PR_SET_VMA_ANON_NAME 0
#endif

#define SIZE (64 * KIB)

static size_t pages(size_t size)
{
    return size / os_page_size();
}

static void test_reserve(void **state)
{
    (void)state;
    char *start = os_reserve(16 * GIB);
    CHECK(start != NULL);
    CHECK_EQ((uintptr_t)start % os_page_size(), 0);
    CHECK_EQ(unit_present_pages(start, SIZE), 0);
    CHECK(unit_is_zero(start, SIZE));
    memset(start, 1, SIZE);
    start[16 * GIB - 1] = 1;
    os_dump(start, SIZE, true);
    os_name(start, SIZE, "test");
    CHECK_EQ(start[SIZE - 1], 1);
    os_unmap(start, 16 * GIB);
    CHECK_EQ(unit_present_pages(start, SIZE), -1);
    CHECK(os_reserve((size_t)1 << 60) == NULL);
}

/* /proc/self/maps has the name, where the kernel can keep one (CONFIG_ANON_VMA_NAME). */
static void test_name(void **state)
{
    char line[512];
    char wanted[64];
    bool is_named = false;
    (void)state;
    char *start = os_reserve(SIZE);
    if (prctl(PR_SET_VMA, PR_SET_VMA_ANON_NAME, start, SIZE, "other") != 0) {
        print_message("this kernel keeps no names of mappings: %s\n", strerror(errno));
        os_unmap(start, SIZE);
        skip();
    }
    os_name(start, SIZE, OS_NAME);
    snprintf(wanted, sizeof(wanted), "%lx-", (unsigned long)start);
    FILE *file = fopen("/proc/self/maps", "r");
    while (file && fgets(line, sizeof(line), file))
        is_named |= strstr(line, wanted) == line && strstr(line, "[anon:" OS_NAME "]") != NULL;
    CHECK(file != NULL && fclose(file) == 0);
    CHECK(is_named);
    os_unmap(start, SIZE);
}

static void test_map_at(void **state)
{
    (void)state;
    char *room = os_find_room(SIZE);
    CHECK(room != NULL);
    CHECK_EQ(unit_present_pages(room, SIZE), -1);
    CHECK(os_map_at(room, SIZE) == OS_MAP_DONE);
    CHECK(unit_is_zero(room, SIZE));
    memset(room, 3, SIZE);
    errno = 0;
    CHECK(os_map_at(room, SIZE) == OS_MAP_OCCUPIED);
    CHECK_EQ(errno, EEXIST);
    CHECK(os_map_at(room + SIZE / 2, SIZE) == OS_MAP_OCCUPIED);
    CHECK_EQ(room[0], 3);
    CHECK_EQ(room[SIZE - 1], 3);
    CHECK(os_remap_fresh(room, SIZE / 2));
    CHECK(unit_is_zero(room, SIZE / 2));
    CHECK_EQ(room[SIZE / 2], 3);
    os_unmap(room, SIZE);
}

static void test_pages(void **state)
{
    (void)state;
    char *start = os_reserve(SIZE);
    start[0] = 5;
    CHECK(os_populate(start, SIZE / 2));
    CHECK_EQ(unit_present_pages(start, SIZE / 2), pages(SIZE / 2));
    CHECK_EQ(start[0], 5);
    start[SIZE / 2] = 6;
    os_touch(start + SIZE / 2, SIZE / 2);
    CHECK_EQ(unit_present_pages(start, SIZE), pages(SIZE));
    CHECK_EQ(start[SIZE / 2], 6);
    CHECK(os_purge(start, SIZE / 2));
    CHECK_EQ(unit_present_pages(start, SIZE), pages(SIZE / 2));
    CHECK_EQ(start[0], 0);
    CHECK_EQ(start[SIZE / 2], 6);
    /* the sanitizers make mlock do nothing */
    if (!UNIT_SANITIZED && mlock(start + SIZE / 2, SIZE / 2) == 0) {
        CHECK(!os_purge(start + SIZE / 2, SIZE / 2));
        CHECK_EQ(start[SIZE / 2], 6);
    }
    os_unmap(start, SIZE);
}

static void test_move(void **state)
{
    (void)state;
    char *start = os_reserve(4 * SIZE);
    char *to = start + 2 * SIZE;
    pattern_fill(start, SIZE, 1);
    memset(to, 9, SIZE);
    CHECK(os_move(start, to, SIZE));
    CHECK(pattern_holds(to, SIZE, 1));
    CHECK(unit_is_zero(start, SIZE));
    memset(start, 9, SIZE);
    CHECK(pattern_holds(to, SIZE, 1));
    os_unmap(start, 4 * SIZE);
}

static void test_commit(void **state)
{
    (void)state;
    CHECK(os_could_commit(MIB));
    CHECK(!os_could_commit((size_t)1 << 60));
    CHECK_EQ(os_page_size(), sysconf(_SC_PAGESIZE));
    CHECK_EQ(os_page_size(), sysconf(_SC_PAGESIZE));
}

static void test_time(void **state)
{
    (void)state;
    uint64_t start = os_now_ms();
    uint64_t last = start;
    while (last < start + 20) {
        uint64_t now = os_now_ms();
        CHECK(now >= last);
        last = now;
    }
}

static _Atomic uint32_t thread_ids[UNIT_THREADS];

static void *note_thread_id(void *number)
{
    uint32_t id = os_thread_number().thread;
    CHECK_EQ(id, os_thread_number().thread);
    thread_ids[(uintptr_t)number] = id;
    while (!thread_ids[0] || !thread_ids[1] || !thread_ids[2] || !thread_ids[3])
        sched_yield(); /* a number may come again when its thread has ended */
    return NULL;
}

static void test_thread_id(void **state)
{
    (void)state;
    unit_run_threads(note_thread_id);
    for (unsigned i = 0; i < UNIT_THREADS; i++)
        for (unsigned j = 0; j < i; j++)
            CHECK(thread_ids[i] != thread_ids[j]);
    CHECK_EQ(os_thread_number().thread, getpid());
}

static void test_files(void **state)
{
    char path[64];
    char text[8];
    struct stat figures;
    (void)state;
    snprintf(path, sizeof(path), "/tmp/hakmem-unit-%d", (int)getpid());
    CHECK_EQ(os_read_file(path, text, sizeof(text)), -1);
    int fd = os_create_file(path);
    CHECK(fd >= 0);
    CHECK_EQ(os_create_file(path), -1);
    CHECK(os_write_file(fd, "0123456789", 10));
    os_close_file(fd);
    CHECK_EQ(stat(path, &figures), 0);
    CHECK_EQ(figures.st_mode & 0777, 0600);
    CHECK_EQ(figures.st_size, 10);
    CHECK_EQ(os_read_file(path, text, sizeof(text)), 7);
    CHECK(strcmp(text, "0123456") == 0);
    char other[80];
    snprintf(other, sizeof(other), "%s.new", path);
    umask(022);
    os_close_file(os_create_public_file(other));
    CHECK_EQ(stat(other, &figures), 0);
    CHECK_EQ(figures.st_mode & 0777, 0644);
    CHECK(os_rename_file(other, path));
    CHECK(!os_rename_file(other, path));
    CHECK_EQ(os_read_file(path, text, sizeof(text)), 0);
    os_remove_file(path);
    CHECK_EQ(os_read_file(path, text, sizeof(text)), -1);
    fd = open("/dev/full", O_WRONLY);
    if (fd >= 0)
        CHECK(!os_write_file(fd, "lost", 4));
    close(fd);
    /* what is no regular file is not replaced */
    CHECK_EQ(mkfifo(path, 0600), 0);
    os_close_file(os_create_file(other));
    CHECK(!os_rename_file(other, path));
    CHECK_EQ(stat(path, &figures), 0);
    CHECK(S_ISFIFO(figures.st_mode));
    os_remove_file(path);
    os_remove_file(other);
}

static const int static_data = 1;

static void test_is_readable(void **state)
{
    int on_stack = 0;
    (void)state;
    CHECK(os_is_readable(&on_stack));
    CHECK(os_is_readable(&static_data));
    CHECK(!os_is_readable(NULL));
    CHECK(!os_is_readable((void *)(UINTPTR_MAX - 7)));
    CHECK(!os_is_readable((void *)((uintptr_t)1 << 62)));
    char *room = os_reserve(2 * SIZE);
    CHECK(os_is_readable(room + SIZE - 4));
    os_unmap(room + SIZE, SIZE);
    CHECK(os_is_readable(room + SIZE - 4));
    CHECK(!os_is_readable(room + SIZE));
    CHECK_EQ(mprotect(room, SIZE, PROT_NONE), 0);
    CHECK(!os_is_readable(room));
    os_unmap(room, SIZE);
}

static enum os_call failing;
static unsigned asked;

static bool fail_one_kind(enum os_call call)
{
    asked += call <= OS_CALL_REMAP;
    return call == failing;
}

static void test_injection(void **state)
{
    (void)state;
    char *start = os_reserve(2 * SIZE);
    char *room = os_find_room(SIZE);
    os_inject_failure = fail_one_kind;
    for (failing = OS_CALL_RESERVE; failing <= OS_CALL_REMAP; failing++) {
        memset(start, 7, SIZE);
        asked = 0;
        bool is_mapped = os_map_at(room, SIZE) == OS_MAP_DONE;
        char *reserved = os_reserve(SIZE);
        CHECK_EQ(reserved == NULL, failing == OS_CALL_RESERVE);
        CHECK_EQ(!is_mapped, failing == OS_CALL_MAP);
        CHECK_EQ(!os_populate(start, SIZE), failing == OS_CALL_POPULATE);
        CHECK_EQ(!os_move(start, start + SIZE, SIZE), failing == OS_CALL_MOVE);
        CHECK_EQ(start[0], failing == OS_CALL_MOVE ? 7 : 0);
        start[0] = 7;
        CHECK_EQ(!os_purge(start, SIZE), failing == OS_CALL_PURGE);
        CHECK_EQ(start[0], failing == OS_CALL_PURGE ? 7 : 0);
        start[0] = 7;
        CHECK_EQ(!os_remap_fresh(start, SIZE), failing == OS_CALL_REMAP);
        CHECK_EQ(start[0], failing == OS_CALL_REMAP ? 7 : 0);
        CHECK_EQ(asked, 6);
        os_unmap(room, SIZE);
        if (reserved)
            os_unmap(reserved, SIZE);
    }
    os_inject_failure = NULL;
    os_unmap(start, 2 * SIZE);
}

static bool fail_copies(enum os_call call)
{
    return call == OS_CALL_COPY;
}

static void copy_filtered(void)
{
    uint32_t process = 0;
    uint64_t from = 7, to = 0;
    os_note_filter();
    CHECK(!os_copy(&process, &to, &from, sizeof(to)) && to == 0);
}

static void test_copy(void **state)
{
    (void)state;
    uint32_t process = 0;
    uint64_t from = 7, to = 0;
    char *page = mmap(NULL, SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(os_copy(&process, &to, &from, sizeof(to)) && to == 7);
    CHECK_EQ(process, getpid());
    CHECK(!os_copy(&process, &to, page, sizeof(to)));
    CHECK_EQ(munmap(page, SIZE), 0);
    CHECK(!os_copy(&process, &to, page, sizeof(to)));
    CHECK(!os_copy(&process, &to, NULL, sizeof(to)));
    os_inject_failure = fail_copies;
    CHECK(!os_copy(&process, &to, &from, sizeof(to)));
    os_inject_failure = NULL;
    CHECK_CHILD(copy_filtered);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reserve),     cmocka_unit_test(test_name),
        cmocka_unit_test(test_map_at),      cmocka_unit_test(test_pages),
        cmocka_unit_test(test_move),        cmocka_unit_test(test_commit),
        cmocka_unit_test(test_time),        cmocka_unit_test(test_thread_id),
        cmocka_unit_test(test_copy),        cmocka_unit_test(test_files),
        cmocka_unit_test(test_is_readable), cmocka_unit_test(test_injection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
