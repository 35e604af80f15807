/* SPDX-License-Identifier: MIT */
/*
 * Not a workload: starts a real program and says what it used, `measure PRELOAD PROGRAM ARGS...`.
 * PRELOAD is LD_PRELOAD of the program alone, '' for none. The program's standard output goes to
 * /dev/null; ours is the RESULT line, and the exit status is the program's (128 and up: a signal).
 *
 * A process of its own because the kernel counts in a child's ru_maxrss the memory it had before
 * exec: that of whoever forked. Here that is about 1 MiB, the least that peak_rss_kb can be. The
 * peak is that of the largest process in the tree; faults and times are sums over the tree.
 */
#include "harness.h"

#include <sys/wait.h>

static _Noreturn void exec_program(const char *preload, char **argv)
{
    int null = open("/dev/null", O_WRONLY);
    bool prepared = null >= 0 && dup2(null, STDOUT_FILENO) == STDOUT_FILENO;
    prepared = prepared &&
               (*preload ? setenv("LD_PRELOAD", preload, 1) : unsetenv("LD_PRELOAD")) == 0;
    if (prepared) {
        execvp(argv[0], argv);
    }
    harness_fail(127, "cannot run %s: %s", argv[0], strerror(errno));
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        harness_fail(2, "usage: measure PRELOAD PROGRAM [ARGUMENT]...");
    }
    double start = harness_now();
    pid_t child = fork();
    if (child == 0) {
        exec_program(argv[1], argv + 2);
    }
    int status = 0;
    struct rusage usage;
    if (child < 0 || wait4(child, &status, 0, &usage) != child) {
        harness_fail(1, "cannot start or wait: %s", strerror(errno));
    }
    double seconds = harness_now() - start;
    if (WIFSIGNALED(status)) {
        harness_fail(128 + WTERMSIG(status), "%s: %s", argv[2], strsignal(WTERMSIG(status)));
    }
    if (WEXITSTATUS(status) != 0) {
        return WEXITSTATUS(status);
    }
    harness_say("RESULT name=measure ops=0 seconds=%.6f peak_rss_kb=%ld rss_kb=0 minflt=%ld "
                "majflt=%ld utime=%.6f stime=%.6f\n",
                seconds, usage.ru_maxrss, usage.ru_minflt, usage.ru_majflt,
                seconds_of(usage.ru_utime), seconds_of(usage.ru_stime));
    return 0;
}
