/* SPDX-License-Identifier: MIT */
/*
 * A seccomp filter for all threads of the process (TSYNC) can be installed while the helper is
 * there: the helper, which has a filter of its own, ends before.
 */
#include "check.h"

#include <dirent.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#define BLOCKS 4000

static unsigned threads(void)
{
    unsigned count = 0;
    DIR *tasks = opendir("/proc/self/task");
    CHECK(tasks != NULL);
    while (readdir(tasks))
        count++;
    closedir(tasks);
    return count - 2;
}

/* More than a small program has: then the helper is wanted. */
static void use_heap(void)
{
    static char *blocks[BLOCKS];
    for (size_t i = 0; i < BLOCKS; i++) {
        blocks[i] = malloc(30 * KIB);
        CHECK(blocks[i] != NULL);
        memset(blocks[i], 1, 30 * KIB);
    }
    for (size_t i = 0; i < BLOCKS; i++)
        free(blocks[i]);
}

int main(int argc, char **argv)
{
    struct sock_filter allow[] = {BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {.len = 1, .filter = allow};
    if (argc == 1) {
        char *again[] = {argv[0], (char *)"again", NULL};
        CHECK(setenv("HAKMEM_BACKGROUND", "1", 1) == 0);
        execv("/proc/self/exe", again);
        CHECK(false);
    }
    for (unsigned look = 0; look < 1000 && threads() == 1; look++) {
        use_heap();
        usleep(1000);
    }
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    long result = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC,
                          &program);
    if (result < 0 && errno == ENOSYS)
        return 77;
    CHECK_EQ(result, 0);
    CHECK_EQ(threads(), 1);
    use_heap();
    CHECK_EQ(threads(), 1);
    return 0;
}
