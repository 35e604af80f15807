/* SPDX-License-Identifier: MIT */
/*
 * Measures one run of a program from outside. Times and faults are the kernel's, for the program
 * and the children that it waited for. RSS is read while it runs, for its whole tree. The peak is
 * the larger of two figures: the kernel's for the largest process of the tree, which misses
 * nothing; and the sum over the tree at the looks. The kernel's figure includes what a child had
 * before exec: the anonymous memory of this command, and what it touched until then. So no peak can
 * be less than about 1.2 MiB.
 */
#include "compare/measure.h"

#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/message.h"
#include "program/library.h"
#include "program/process_tree.h"
#include "program/program.h"

/* The looks come after 1, 2, 4, 8 ms, and then every 10 ms. */
#define LOOK_MS 10
/* Children are looked for at each look while the program is young, and later at every n-th. */
#define YOUNG_SECONDS 0.1
#define LOOKS_PER_REFRESH 8
/* How long a program may take to end after it was told to. */
#define PATIENCE_SECONDS 1.0

/* Purpose: what the looks at one run have seen. */
struct looker {
    const struct job *job;
    const struct allocator *allocator;
    struct process_tree tree;
    unsigned looks;
    unsigned wait_ms;
    double start;
    double last;
    double weighted; /* sum of RSS times seconds */
    double weight;   /* sum of the seconds */
    double peak;
    double told_at;           /* when the program was told to end; 0: it was not */
    struct provider provider; /* the allocator of the largest process */
    struct stat executable;   /* its executable, at that time */
    uint64_t provider_rss;    /* its largest RSS */
};

int measure_interrupted(void)
{
    static const int numbers[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP};
    sigset_t pending;
    sigpending(&pending);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (sigismember(&pending, numbers[i]))
            return numbers[i];
    return 0;
}

/* Usually Ctrl-C ends the program; if not, it is asked to end, and then killed. */
static void end_program(struct looker *looker, double now)
{
    if (looker->told_at == 0) {
        looker->told_at = now;
        tree_kill(&looker->tree, SIGTERM);
    } else if (now > looker->told_at + PATIENCE_SECONDS) {
        tree_kill(&looker->tree, SIGKILL);
    }
}

/* Find the allocator of the largest process; again if another one becomes larger, or if it executes
 * another program. */
static void look_for_provider(struct looker *looker)
{
    const struct process_tree *tree = &looker->tree;
    char path[32];
    struct stat executable;
    struct provider provider;
    snprintf(path, sizeof path, "/proc/%d/exe", (int)tree->largest);
    if (tree->largest_rss == 0 || stat(path, &executable) != 0)
        return;
    bool is_known = looker->provider.way != PROVIDER_UNKNOWN;
    bool is_same = is_known && executable.st_ino == looker->executable.st_ino &&
                   executable.st_dev == looker->executable.st_dev;
    if (is_known && !is_same && tree->largest_rss < looker->provider_rss)
        return;
    if (!is_same) {
        if (!provider_find(tree->largest, looker->allocator->path, &provider))
            return;
        looker->provider = provider;
        looker->executable = executable;
        looker->provider_rss = 0;
    }
    if (tree->largest_rss > looker->provider_rss)
        looker->provider_rss = tree->largest_rss;
}

static unsigned look(void *state, pid_t pid)
{
    struct looker *looker = state;
    double now = clock_seconds();
    double age = now - looker->start;
    if (age < YOUNG_SECONDS || looker->looks % LOOKS_PER_REFRESH == 0)
        tree_refresh(&looker->tree, pid);
    double rss = (double)tree_rss(&looker->tree);
    if (looker->looks++ > 0 && rss > 0) {
        looker->weighted += rss * (now - looker->last);
        looker->weight += now - looker->last;
    }
    looker->last = now;
    looker->peak = fmax(looker->peak, rss);
    look_for_provider(looker);
    if (measure_interrupted())
        end_program(looker, now);
    unsigned wait_ms = looker->wait_ms;
    looker->wait_ms = wait_ms * 2 < LOOK_MS ? wait_ms * 2 : LOOK_MS;
    return wait_ms;
}

/* Set up the child. If that fails, end it with a line. */
static void prepare(void *state)
{
    const struct looker *looker = state;
    const struct job *job = looker->job;
    bool is_good = lseek(job->input, 0, SEEK_SET) == 0 && dup2(job->input, STDIN_FILENO) >= 0;
    if (!job->shows_output) {
        int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        is_good = is_good && dup2(null, STDOUT_FILENO) >= 0 && dup2(null, STDERR_FILENO) >= 0;
    }
    if (looker->allocator->also)
        library_export(job->command, looker->allocator->also);
    if (looker->allocator->path)
        library_export(job->command, looker->allocator->path);
    if (!is_good)
        _exit(EXIT_INTERNAL);
}

static double seconds_of(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec * 1e-6;
}

static void fill_values(struct run *run, const struct looker *looker, const struct outcome *outcome)
{
    const struct rusage *usage = &outcome->usage;
    run->values[METRIC_WALL] = outcome->wall_seconds;
    run->values[METRIC_CPU] = seconds_of(usage->ru_utime) + seconds_of(usage->ru_stime);
    run->values[METRIC_PEAK] = fmax((double)usage->ru_maxrss * 1024, looker->peak);
    run->values[METRIC_MEAN_RSS] = looker->weight > 0 ? looker->weighted / looker->weight : NAN;
    run->values[METRIC_MINOR] = (double)usage->ru_minflt;
    run->values[METRIC_MAJOR] = (double)usage->ru_majflt;
}

/* If the figures are not those of the allocator, say why. */
static void check_provider(struct run *run, const struct allocator *allocator)
{
    const struct provider *provider = &run->provider;
    if (provider->way == PROVIDER_UNKNOWN || !allocator->path)
        return;
    if (!provider->has_library)
        snprintf(run->failure, sizeof run->failure,
                 "never loaded: is the program static or set-user-ID?");
    else if (provider->way == PROVIDER_INSIDE)
        snprintf(run->failure, sizeof run->failure,
                 "not used: malloc is in the executable itself (%s)", provider->name);
    else if (strcmp(allocator->name, ALLOCATOR_GLIBC) == 0 && !provider_is_glibc(provider))
        snprintf(run->failure, sizeof run->failure, "not used: malloc is that of %s",
                 provider->name);
}

int measure_run(const struct job *job, const struct allocator *allocator, struct run *run)
{
    static struct looker looker;
    struct outcome outcome;
    const struct program program = {.command = job->command,
                                    .argv = job->argv,
                                    .prepare = prepare,
                                    .watch = look,
                                    .state = &looker};
    looker = (struct looker){.job = job, .allocator = allocator, .wait_ms = 1};
    looker.start = clock_seconds();
    int status = program_run(&program, &outcome);
    if (status != EXIT_SUCCESS)
        return status;
    *run = (struct run){.state = RUN_GOOD, .provider = looker.provider};
    fill_values(run, &looker, &outcome);
    run->signal = outcome.passed_on ? outcome.passed_on : measure_interrupted();
    if (run->signal)
        run->state = RUN_INTERRUPTED;
    else if (WIFSIGNALED(outcome.status))
        snprintf(run->failure, sizeof run->failure, "killed by signal %d (%s)",
                 WTERMSIG(outcome.status), strsignal(WTERMSIG(outcome.status)));
    else if (WEXITSTATUS(outcome.status) != 0)
        snprintf(run->failure, sizeof run->failure, "exit status %d", WEXITSTATUS(outcome.status));
    else
        check_provider(run, allocator);
    if (run->failure[0])
        run->state = RUN_FAILED;
    return EXIT_SUCCESS;
}
