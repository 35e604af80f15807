/* SPDX-License-Identifier: MIT */
/* Tests of base/write.c: signals that a write would raise, and what descriptor 2 has become. */
#include "unit/unit.h"

#include <sys/resource.h>
#include <sys/socket.h>

static int broken_pipe(void)
{
    int ends[2];
    CHECK(pipe(ends) == 0);
    close(ends[0]);
    return ends[1];
}

static sigset_t set_of(int signal)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, signal);
    return set;
}

static bool is_pending(int signal)
{
    sigset_t set;
    sigpending(&set);
    return sigismember(&set, signal);
}

/* SIGPIPE and SIGXFSZ would end the child. */
static void quiet(void)
{
    const struct rlimit none = {0, 0};
    sigset_t old;
    int fd = broken_pipe();
    errno = 0;
    CHECK(write_quietly(fd, "x", 1) == -1);
    CHECK_EQ(errno, EPIPE);
    int file = memfd_create("file", 0);
    CHECK(setrlimit(RLIMIT_FSIZE, &none) == 0);
    CHECK(write_quietly(file, "x", 1) == -1);
    CHECK_EQ(errno, EFBIG);
    sigprocmask(SIG_BLOCK, NULL, &old);
    CHECK(!sigismember(&old, SIGPIPE) && !sigismember(&old, SIGXFSZ));
    CHECK(!is_pending(SIGPIPE) && !is_pending(SIGXFSZ));
}

static void test_quiet(void **state)
{
    (void)state;
    CHECK_CHILD(quiet);
}

/* What the program had pending stays, and nothing is added to what it has blocked. */
static void blocked(void)
{
    sigset_t set = set_of(SIGPIPE);
    int fd = broken_pipe();
    sigprocmask(SIG_BLOCK, &set, NULL);
    CHECK(write_quietly(fd, "x", 1) == -1);
    CHECK(!is_pending(SIGPIPE));
    raise(SIGPIPE);
    CHECK(write_quietly(fd, "x", 1) == -1);
    CHECK(is_pending(SIGPIPE));
}

static void test_blocked(void **state)
{
    (void)state;
    CHECK_CHILD(blocked);
}

static bool yes(void)
{
    return true;
}

static void become(int fd)
{
    CHECK(fd >= 0 && dup2(fd, STDERR_FILENO) == STDERR_FILENO);
}

static void other_files(void)
{
    int ends[2];
    int file = memfd_create("file", 0);
    int null = open("/dev/null", O_WRONLY);
    int old = dup(STDERR_FILENO);
    write_remember_stderr();
    errno = 77;
    CHECK(write_may_use_stderr(false));
    become(file);
    CHECK(!write_may_use_stderr(false) && !write_may_use_stderr(true));
    become(null);
    CHECK(write_may_use_stderr(false));
    CHECK(pipe(ends) == 0);
    become(ends[1]);
    CHECK(write_may_use_stderr(false));
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    become(ends[1]);
    CHECK(!write_may_use_stderr(true));
    CHECK_EQ(errno, 77);
    write_is_filtered = yes;
    CHECK(!write_may_use_stderr(false) && write_may_use_stderr(true));
    write_is_filtered = NULL;
    become(old);
    CHECK(write_may_use_stderr(false));
}

static void test_other_files(void **state)
{
    (void)state;
    CHECK_CHILD(other_files);
}

/* Closed at the start: whatever has the number later is the program's own. */
static void closed_at_start(void)
{
    int ends[2];
    CHECK(pipe(ends) == 0);
    close(STDERR_FILENO);
    write_remember_stderr();
    CHECK(!write_may_use_stderr(true));
    become(ends[1]);
    CHECK(!write_may_use_stderr(true));
}

static void test_closed_at_start(void **state)
{
    (void)state;
    CHECK_CHILD(closed_at_start);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quiet),
        cmocka_unit_test(test_blocked),
        cmocka_unit_test(test_other_files),
        cmocka_unit_test(test_closed_at_start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
