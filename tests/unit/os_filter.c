/* SPDX-License-Identifier: MIT */
/*
 * Tests of os/os_filter.c: what is found when no filter is in force. And under a real filter that
 * ends the process for each other call, the whole kernel contract makes none but those of a plain
 * malloc. The filters are in children.
 */
#include "unit/unit.h"

#include "os/os.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define SIZE (64 * KIB)

/* ---- a filter ---- */

#define ALLOW(name)                                                                                \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1),                                         \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)

/* What a plain malloc calls, and what the test itself needs. */
static void confine(void)
{
    static struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ALLOW(mmap),
        ALLOW(munmap),
        ALLOW(mremap),
        ALLOW(futex),
        ALLOW(read),
        ALLOW(write),
        ALLOW(exit_group),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
    write_is_filtered = os_is_filtered;
    os_note_filter();
    CHECK_EQ(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
    CHECK_EQ(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program), 0);
}

static char text[4 * MIB];

static size_t lines_of(int fd)
{
    size_t lines = 0;
    for (ssize_t got; (got = read(fd, text, sizeof(text))) > 0;)
        for (ssize_t i = 0; i < got; i++)
            lines += text[i] == '\n';
    return lines;
}

/* ---- what is known ---- */

static bool is_filtered_in_truth(void)
{
    FILE *file = fopen("/proc/self/status", "r");
    size_t length = file ? fread(text, 1, sizeof(text) - 1, file) : 0;
    text[length] = '\0';
    CHECK(file != NULL && fclose(file) == 0);
    return strstr(text, "\nSeccomp:\t0\n") == NULL;
}

static void test_unfiltered(void **state)
{
    (void)state;
    CHECK_EQ(os_is_filtered(), is_filtered_in_truth());
    CHECK_EQ(os_was_unfiltered(), !os_is_filtered());
    CHECK(os_may_give_back());
    CHECK_EQ(os_call_begin(), !os_is_filtered());
    if (!os_is_filtered())
        os_call_end();
}

/* ---- memory ---- */

static void purge_in_child(void)
{
    char *start = os_reserve(3 * SIZE);
    memset(start, 7, 3 * SIZE);
    confine();
    CHECK(os_purge(start + SIZE, SIZE));
    CHECK(unit_is_zero(start + SIZE, SIZE));
    CHECK_EQ(start[SIZE - 1], 7);
    CHECK_EQ(start[2 * SIZE], 7);
    memset(start + SIZE, 8, SIZE);
    CHECK(os_purge(start, 3 * SIZE));
    CHECK(unit_is_zero(start, 3 * SIZE));
}

#define PAGES 20000

/* Each second page, so that none of the new mappings is another's neighbour. What was mapped before
 * has attributes, and merges with none of them. */
static void purge_many_in_child(void)
{
    size_t page = os_page_size();
    int maps = open("/proc/self/maps", O_RDONLY);
    size_t done = 0;
    char *start = os_find_room(PAGES * page);
    CHECK(os_map_at(start, PAGES * page) == OS_MAP_DONE);
    os_dump(start, PAGES * page, false);
    memset(start, 7, PAGES * page);
    confine();
    for (size_t i = 0; i < PAGES; i += 2)
        done += os_purge(start + i * page, page);
    for (size_t i = 1; i < PAGES; i += 2)
        CHECK_EQ(start[i * page], 7);
    CHECK(done > 0 && done < PAGES / 2);
    CHECK(lines_of(maps) < 10000);
}

static void test_purge(void **state)
{
    (void)state;
    if (UNIT_SANITIZED)
        skip(); /* their runtimes make calls of their own */
    CHECK_CHILD(purge_in_child);
    if (!os_is_filtered())
        CHECK_CHILD(purge_many_in_child);
}

/* ---- all the rest ---- */

static void do_nothing(void) {}

static void use_memory(void)
{
    char *start = os_reserve(4 * MIB);
    CHECK(start != NULL);
    char *huge = (char *)align_up((uintptr_t)start, 2 * MIB);
    CHECK(!os_populate(start, SIZE));
    CHECK(!os_back_huge_page(huge, 2 * MIB));
    os_allow_huge_pages(huge, 2 * MIB, true);
    os_allow_huge_pages(huge, 2 * MIB, false);
    CHECK_EQ(os_present_pages(start, 4), 0);
    os_dump(start, SIZE, false);
    os_name(start, SIZE, OS_NAME);
    start[0] = 5;
    CHECK(os_remap_fresh(start, SIZE));
    CHECK_EQ(start[0], 0);
    CHECK(os_move(start, start + 2 * SIZE, SIZE));
    CHECK(os_could_commit(SIZE));
    CHECK(os_unmap(start, 4 * MIB));
    char *room = os_find_room(2 * SIZE);
    CHECK(os_map_at(room, SIZE) == OS_MAP_DONE);
    CHECK(os_map_at(room, SIZE) == OS_MAP_OCCUPIED);
    CHECK(os_map_at(room + SIZE, SIZE) == OS_MAP_DONE);
}

static void use_questions(void)
{
    CHECK(os_address_space_is_limited());
    CHECK(!os_commit_is_strict());
    CHECK_EQ(os_memory_limit(), UINT64_MAX);
    CHECK_EQ(os_resident_bytes(), 0);
    CHECK_EQ(os_cpu_time_us(), 0);
    CHECK(os_now_ms() < UINT64_MAX);
    CHECK_EQ(os_thread_number().thread, 0);
    CHECK_EQ(os_thread_number().thread, 0);
    CHECK(!os_thread_is_gone((struct os_thread_number){1, 1}));
    CHECK(!os_barrier());
    CHECK(!os_helper_start(do_nothing));
    CHECK(os_is_readable(&text));
    os_sleep_us(10);
}

static void use_files(void)
{
    char answer[8];
    CHECK_EQ(os_read_file("/proc/self/statm", answer, sizeof(answer)), -1);
    CHECK_EQ(os_create_file("/tmp/hakmem-unit-filter"), -1);
    CHECK(!os_file_exists("/"));
    CHECK(!os_rename_file("/tmp/hakmem-unit-1", "/tmp/hakmem-unit-2"));
    os_remove_file("/tmp/hakmem-unit-filter");
    log_line("not written, and its process is not asked for its number");
}

static void use_all_in_child(void)
{
    confine();
    use_memory();
    use_questions();
    use_files();
    os_generation_make();
    CHECK(!os_is_copy());
}

static void abort_in_child(void)
{
    confine();
    log_abort("the last word");
}

static void test_no_other_call(void **state)
{
    static struct unit_child child;
    (void)state;
    if (UNIT_SANITIZED)
        skip();
    CHECK_CHILD(use_all_in_child);
    /* abort() makes calls that the filter does not know: the message comes before them */
    unit_run_child(abort_in_child, &child);
    CHECK(child.status != 0);
    CHECK(strcmp(child.text, "hakmem: [?] the last word\n") == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_unfiltered),
        cmocka_unit_test(test_purge),
        cmocka_unit_test(test_no_other_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
