// args: 1 4
// args: 2 4
// args: 3 4
// args: 4 4
/* SPDX-License-Identifier: MIT */
/*
 * The matrix of injected faults: each kind of system call x each errno x the positions of a run at
 * which it fails, once and from then on. The run goes through all lanes, realloc's growth, heaps,
 * threads, trim, decay, the helper, and the file of figures; one without faults counts its calls.
 * Each cell is runs in children of their own, which must end well: NULL comes with ENOMEM, nothing
 * crashes or hangs, the checker finds no fault, all that was taken has been given back (blocks,
 * superslabs, addresses, descriptors), no lock is held, and with the calls working again all is to
 * be had.
 *
 * All positions are tried where a run makes at most POSITIONS_ALL calls of a kind; beyond, steps
 * that grow. HAK_MATRIX=all tries all. The table is written to standard output.
 *
 * matrix PART PARTS tries each PARTS-th cell of the matrix, so that each test of ctest is short;
 * without arguments, all cells.
 */
#include "run.h"

#include "api/api.h"
#include "os/os.h"
#include "slab/space.h"

#include <dirent.h>

#define SANITIZED_STEP (UNIT_SANITIZED ? 8 : 1)
#define CHILDREN 4
#define POSITIONS_ALL 12
#define LASTING_STEP 4
#define GROWN_BLOCKS 4600
#define EXIT_LEAK 9
/* How often memory is asked for: in the run without faults, which says how much stays, and before
 * what stays beyond that is called a leak, a minute on a machine that is not busy. */
#define BASELINE_TRIMS 300
#define LEAK_TRIMS 50000

/* Which cells this process tries: those whose number, divided by PARTS, leaves PART. */
static unsigned part, parts = 1, cells_seen;

#define NAME(name) #name,
static const char *const call_names[OS_CALL_COUNT] = {HAK_OS_CALLS(NAME)};
static const int errors[] = {ENOMEM, EAGAIN, EINVAL, EINTR};
static const char *const error_names[] = {"ENOMEM", "EAGAIN", "EINVAL", "EINTR"};
#define ERRORS (sizeof(errors) / sizeof(errors[0]))

/* ---- the fault of a run ---- */

/* Purpose: which call fails in this process, and how. Written before the run; `made` counts. */
static struct {
    unsigned kind;
    unsigned nth; /* 0: none */
    int error;
    bool is_lasting;
    bool is_rationed; /* no reservation: superslabs are mapped one by one */
    _Atomic unsigned made[OS_CALL_COUNT];
} plan;

/* Purpose: what the run without faults found. Shared with its child. */
static struct baseline {
    unsigned calls[OS_CALL_COUNT];
    uint64_t mapped;
} * baseline;

static bool fail_as_planned(enum os_call call)
{
    unsigned number = atomic_fetch_add(&plan.made[call], 1) + 1;
    if (plan.nth == 0 || call != plan.kind ||
        (plan.is_lasting ? number < plan.nth : number != plan.nth))
        return false;
    errno = plan.error;
    return true;
}

/* ---- the run ---- */

/* So many superslabs that the next are huge pages, and that a limit is looked for. */
static void use_grown(void)
{
    char **blocks = calloc(GROWN_BLOCKS, sizeof(*blocks));
    char *large = hak_malloc(20 * MIB);
    for (unsigned i = 0; i < GROWN_BLOCKS; i++)
        blocks[i] = hak_malloc(4096);
    for (unsigned i = 0; i < GROWN_BLOCKS; i++)
        hak_free(blocks[i]);
    hak_free(large);
    free(blocks);
    hak_free(hak_malloc(GIB + MIB)); /* the kernel is asked whether it would give that */
}

static pthread_barrier_t barrier;

/* Holds its bins full while others trim: they are another thread's then, which sleeps. */
static void *use_as_thread(void *unused)
{
    (void)unused;
    use_blocks(1000, 20);
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier);
    use_blocks(1001, 20);
    return NULL;
}

static void use_thread(void)
{
    pthread_t thread;
    CHECK_EQ(pthread_barrier_init(&barrier, NULL, 2), 0);
    CHECK_EQ(pthread_create(&thread, NULL, use_as_thread, NULL), 0);
    pthread_barrier_wait(&barrier);
    hak_trim();
    pthread_barrier_wait(&barrier);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

/* A few epochs pass: the helper, or slow paths, give back what is free. */
static void use_decay(void)
{
    for (unsigned i = 0; i < 6; i++) {
        usleep(1000);
        hak_free(hak_malloc(1500 * KIB));
        use_blocks(i, 4);
    }
}

static void use_all(void)
{
    use_blocks(1, 40);
    use_growth();
    use_heap();
    use_grown();
    use_decay();
    use_thread();
    hak_trim();
    os_visit("/nowhere", 1);
}

/* ---- what must hold afterwards ---- */

static unsigned open_files(void)
{
    unsigned count = 0;
    DIR *directory = opendir("/proc/self/fd");
    CHECK(directory != NULL);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

/* A class keeps its last slab until a trim has found it idle, and what the helper has just taken to
 * purge comes back in a moment: so it is asked for until it is `enough`, `tries` times at most. */
static uint64_t mapped_bytes(uint64_t enough, unsigned tries)
{
    struct hak_stats stats;
    do {
        hak_trim();
        usleep(1000);
        hak_trim();
        hak_stats(&stats, sizeof(stats));
    } while (stats.mapped_bytes > enough && --tries > 0);
    return stats.mapped_bytes;
}

/* Addresses given up for good. */
static unsigned superslabs_set_aside(void)
{
    unsigned count = 0;
    for (size_t i = space.first; i < space.frontier; i++)
        count += space.superslabs[i].state == SUPERSLAB_FIXED;
    return count;
}

static void check_no_more(const char *what, uint64_t now, uint64_t without_fault)
{
    if (now <= without_fault)
        return;
    fprintf(stderr, "leaked: %llu %s, %llu without the fault\n", (unsigned long long)now, what,
            (unsigned long long)without_fault);
    _exit(EXIT_LEAK);
}

/* Another thread gets all locks that blocks of each lane need. */
static void *use_without_fault(void *unused)
{
    (void)unused;
    use_blocks(2, 30);
    use_growth();
    use_heap();
    return NULL;
}

static void check_recovered(void)
{
    pthread_t thread;
    failed_calls = 0;
    use_without_fault(NULL);
    CHECK_EQ(pthread_create(&thread, NULL, use_without_fault, NULL), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
    CHECK_EQ(failed_calls, 0);
    CHECK_EQ(hak_check(), 0);
}

static void set_up(char *path, size_t size)
{
    snprintf(path, size, "/tmp/hakmem_matrix.%d", (int)getpid());
    snprintf(settings.metrics, sizeof(settings.metrics), "%s", path);
    settings.interval_ms = 1;
    settings.decay_ms = 4;
    settings.background = CHOICE_YES;
    alarm(HANG_SECONDS);
}

static void run_once(void)
{
    char path[64];
    bool is_baseline = plan.nth == 0;
    unsigned files = open_files();
    set_up(path, sizeof(path));
    if (plan.is_rationed)
        unit_ration();
    os_inject_failure = fail_as_planned;
    use_all();
    CHECK(os_is_readable(&plan.kind));
    CHECK_EQ(hak_check(), 0);
    check_no_more("live bytes", live_bytes(), 0);
    if (is_baseline)
        for (unsigned call = 0; call < OS_CALL_COUNT; call++)
            if (baseline->calls[call] < plan.made[call])
                baseline->calls[call] = plan.made[call];
    os_inject_failure = NULL;
    check_recovered();
    settings.metrics[0] = '\0';
    uint64_t mapped = mapped_bytes(baseline->mapped, is_baseline ? BASELINE_TRIMS : LEAK_TRIMS);
    check_no_more("live bytes", live_bytes(), 0);
    unlink(path);
    if (is_baseline)
        baseline->mapped = mapped;
    check_no_more("mapped bytes", mapped, baseline->mapped);
    check_no_more("superslabs set aside", superslabs_set_aside(), 0);
    check_no_more("descriptors", open_files(), files);
    CHECK_EQ(hak_check(), 0);
}

/* ---- children ---- */

/* Purpose: the runs of one kind and errno. */
struct cell {
    unsigned runs, crashed, leaked, failed;
};

/* Purpose: a child that runs, with its standard error in a file; pid 0: none. */
static struct running {
    pid_t pid;
    int file;
    struct cell *cell;
    char what[80];
} running[CHILDREN];

static void judge(struct running *one, int status)
{
    char text[2048];
    bool is_leak = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_LEAK;
    one->pid = 0;
    one->cell->runs++;
    one->cell->crashed += WIFSIGNALED(status);
    one->cell->leaked += is_leak;
    one->cell->failed += WIFEXITED(status) && WEXITSTATUS(status) != 0 && !is_leak;
    if (status != 0) {
        ssize_t got = pread(one->file, text, sizeof(text) - 1, 0);
        text[got > 0 ? got : 0] = '\0';
        fprintf(stderr, "%s: status %x: %s\n", one->what, (unsigned)status, text);
    }
    close(one->file);
}

static void wait_for_one(void)
{
    int status;
    pid_t pid = wait(&status);
    CHECK(pid > 0);
    for (unsigned i = 0; i < CHILDREN; i++)
        if (running[i].pid == pid)
            judge(&running[i], status);
}

static struct running *find_room(void)
{
    for (;;) {
        for (unsigned i = 0; i < CHILDREN; i++)
            if (running[i].pid == 0)
                return &running[i];
        wait_for_one();
    }
}

static void wait_for_all(void)
{
    for (unsigned i = 0; i < CHILDREN; i++)
        while (running[i].pid != 0)
            wait_for_one();
}

static void start_run(struct cell *cell)
{
    static const int caught[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGSYS};
    struct running *one = find_room();
    one->cell = cell;
    one->file = memfd_create("stderr", 0);
    CHECK(one->file >= 0);
    snprintf(one->what, sizeof(one->what), "%s %s%s: call %u%s", call_names[plan.kind],
             strerrorname_np(plan.error), plan.is_rationed ? ", rationed" : "", plan.nth,
             plan.is_lasting ? " and all later" : "");
    fflush(NULL);
    one->pid = fork();
    CHECK(one->pid >= 0);
    if (one->pid > 0)
        return;
    for (size_t i = 0; i < sizeof(caught) / sizeof(caught[0]); i++)
        signal(caught[i], SIG_DFL);
    unit_is_child = true;
    dup2(one->file, STDERR_FILENO);
    write_remember_stderr();
    run_once();
    _exit(0);
}

/* ---- the matrix ---- */

static unsigned next_position(unsigned nth)
{
    static const char *wanted;
    if (!wanted)
        wanted = getenv("HAK_MATRIX") ? getenv("HAK_MATRIX") : "";
    if (strcmp(wanted, "all") == 0)
        return nth + 1;
    if (plan.is_lasting)
        return nth * LASTING_STEP;
    return nth < POSITIONS_ALL / SANITIZED_STEP ? nth + 1 : 2 * nth + 1;
}

/* One row: a kind. Returns whether all was well. */
static bool fail_each(unsigned kind)
{
    struct cell cells[ERRORS] = {{0, 0, 0, 0}};
    unsigned positions = 0;
    bool is_well = true;
    plan.kind = kind;
    for (unsigned lasting = 0; lasting <= 1; lasting++) {
        plan.is_lasting = lasting;
        for (plan.nth = 1; plan.nth <= baseline->calls[kind]; plan.nth = next_position(plan.nth)) {
            positions += !lasting;
            for (unsigned i = 0; i < ERRORS; i += UNIT_SANITIZED ? ERRORS : 1) {
                plan.error = errors[i];
                if (cells_seen++ % parts == part)
                    start_run(&cells[i]);
            }
        }
    }
    wait_for_all();
    printf("%-12s %7u %9u ", call_names[kind], baseline->calls[kind], positions);
    for (unsigned i = 0; i < ERRORS; i++) {
        printf("  %4u %2u %2u %2u", cells[i].runs, cells[i].crashed, cells[i].leaked,
               cells[i].failed);
        is_well &= cells[i].crashed + cells[i].leaked + cells[i].failed == 0;
    }
    printf("\n");
    return is_well;
}

static bool is_of_window(unsigned kind)
{
    return kind == OS_CALL_MAP || kind == OS_CALL_UNMAP;
}

/* Is a kind of the run missing? Without the helper, some are. */
static bool has_gap(void)
{
    unsigned missing = 0;
    for (unsigned kind = 0; kind < OS_CALL_COUNT; kind++)
        missing += baseline->calls[kind] == 0 && is_of_window(kind) == plan.is_rationed &&
                   kind != OS_CALL_ROOM && /* only where the large window cannot be had */
                   kind != OS_CALL_COPY;   /* only where stacks are walked */
    return missing > 0 && !UNIT_SANITIZED;
}

/* Runs without faults; several, where the helper was too quick or too late for all its calls. */
static void count_calls(bool is_rationed)
{
    struct cell cell = {0, 0, 0, 0};
    memset(baseline, 0, sizeof(*baseline));
    plan.is_rationed = is_rationed;
    plan.nth = 0;
    do {
        start_run(&cell);
        wait_for_all();
        CHECK_EQ(cell.crashed + cell.leaked + cell.failed, 0);
    } while (has_gap() && cell.runs < 50);
    CHECK(!has_gap());
    printf("\n%s; cells: runs, crashed, leaked, failed\n%-12s %7s %9s ",
           is_rationed ? "Superslabs mapped one by one" : "One reservation", "call", "a run",
           "positions");
    for (unsigned i = 0; i < ERRORS; i++)
        printf("  %13s", error_names[i]);
    printf("\n");
}

static void test_whole(void **state)
{
    (void)state;
    bool is_well = true;
    count_calls(false);
    for (unsigned kind = 0; kind < OS_CALL_COUNT; kind++) {
        is_well &= baseline->calls[kind] == 0 || fail_each(kind);
    }
    CHECK(is_well);
}

static void test_rationed(void **state)
{
    static const unsigned kinds[] = {OS_CALL_MAP, OS_CALL_UNMAP, OS_CALL_PURGE, OS_CALL_MOVE};
    (void)state;
    bool is_well = true;
    count_calls(true);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
        is_well &= fail_each(kinds[i]);
    CHECK(is_well);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_rationed),
    };
    if (argc == 3) {
        part = (unsigned)atoi(argv[1]) - 1;
        parts = (unsigned)atoi(argv[2]);
    }
    if (parts == 0 || part >= parts)
        return 2;
    baseline = mmap(NULL, sizeof(*baseline), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1,
                    0);
    if (baseline == MAP_FAILED)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
