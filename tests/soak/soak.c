/* SPDX-License-Identifier: MIT */
/*
 * The soak: a load under verification for long, with failures injected below the allocator. Owns
 * the workers, whose threads come and go, the phases (a load, then a rest in which the whole
 * program sleeps), the figures, and the judgement. Linked with the objects of the release library,
 * so that malloc is ours and the point of injection can be reached.
 *
 *     soak SECONDS LOAD THREADS FAULTS PATIENCE
 *
 * FAULTS calls to the kernel in a thousand fail during a load; none during a rest. A line of CSV
 * each second on standard output, then what was found, in words. Exit status 1 after any error:
 * content that changed, a call refused without reason, a fault that hak_check finds, a child that
 * did not end well, a live byte left at the end, or a rest that ends above its bound:
 *
 *     RSS <= the RSS before the first load + the pages in which live blocks lie * 1.1 + SPARE
 *
 * PATIENCE seconds are added to a rest that would end too high, for machines that are busy.
 */
#include "soak.h"

#include "hakmem/hakmem.h"

#include <signal.h>
#include <sys/time.h>

#define WORKERS_MAX 64
#define CHECK_EVERY_S 10
#define REST_MIN_S 4
#define PERIOD_MAX 8
/* What all thread caches may hold (HAKMEM_CACHES_TOTAL_MAX) is 8 MiB; the rest is for records,
 * stacks, and what of a block's size class is more than was asked for. 3 to 10 were measured. */
#define SPARE (12 * SOAK_MIB)
#define GROWTH (4 * SOAK_MIB)
#define SIGNAL_EVERY_US 1000

static const struct load *const loads[] = {&load_server, &load_handover, &load_shift, &load_pins};

static struct harness_param params[] = {
    {"seconds", 1800, 10, 1000000, {0}}, {"load", 0, 0, 3, {"server", "handover", "shift", "pins"}},
    {"threads", 8, 1, WORKERS_MAX, {0}}, {"faults", 50, 0, 1000, {0}},
    {"patience", 0, 0, 3600, {0}},
};
enum { SECONDS, LOAD, THREADS, FAULTS, PATIENCE, PARAMS };

enum phase { PHASE_LOAD, PHASE_REST, PHASE_END };

/* Purpose: the whole soak. The main thread writes all but what says otherwise. */
static struct {
    const struct load *load;
    struct worker *workers;
    struct tally tally; /* the main thread's own */
    uint64_t random;
    double start;
    size_t rss_before;
    int64_t first_excess[PERIOD_MAX]; /* RSS over live pages, in the first rest after each sizes */
    unsigned rests;
    unsigned checks;
    _Atomic uint64_t threads; /* started so far, by any thread */
    _Atomic uint64_t signals; /* by any thread, in a handler */
} soak = {.random = 1};

/* Purpose: where workers wait. Under the lock, but phase, which is read without it too. */
static struct {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    _Atomic enum phase phase;
    _Atomic unsigned cycle;
    unsigned resting;
    unsigned alive; /* workers that have a thread */
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

/* ---- workers ---- */

/* Rest while all do. False at the end. */
static bool pass_gate(void)
{
    if (atomic_load_explicit(&gate.phase, memory_order_relaxed) == PHASE_LOAD)
        return true;
    pthread_mutex_lock(&gate.lock);
    gate.resting++;
    pthread_cond_broadcast(&gate.changed);
    while (gate.phase == PHASE_REST)
        pthread_cond_wait(&gate.changed, &gate.lock);
    gate.resting--;
    bool goes_on = gate.phase == PHASE_LOAD;
    pthread_mutex_unlock(&gate.lock);
    return goes_on;
}

static void leave_gate(void)
{
    pthread_mutex_lock(&gate.lock);
    gate.alive--;
    pthread_cond_broadcast(&gate.changed);
    pthread_mutex_unlock(&gate.lock);
}

static void start_thread(struct worker *worker);

static void *work(void *argument)
{
    struct worker *worker = argument;
    sigset_t timer;
    sigemptyset(&timer);
    sigaddset(&timer, SIGPROF);
    pthread_sigmask(SIG_UNBLOCK, &timer, NULL);
    for (uint64_t left = 500 + random_next(&worker->random) % 20000; left > 0; left--) {
        if (!pass_gate()) {
            leave_gate();
            return NULL;
        }
        soak.load->step(worker, gate.cycle);
    }
    if (soak.load->leave)
        soak.load->leave(worker);
    start_thread(worker);
    return NULL;
}

/* libc allocates for a new thread, what an injected failure may refuse: then again. */
static void start_thread(struct worker *worker)
{
    pthread_attr_t attributes;
    pthread_t thread;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    int error;
    while ((error = pthread_create(&thread, &attributes, work, worker)) != 0) {
        if ((error != EAGAIN && error != ENOMEM) || faults_injected() == 0)
            harness_fail(1, "cannot start a thread: %s", strerror(error));
        usleep(1000);
    }
    pthread_attr_destroy(&attributes);
    atomic_fetch_add(&soak.threads, 1);
}

static void start_workers(void)
{
    soak.workers = harness_map(params[THREADS].value * sizeof *soak.workers);
    for (unsigned i = 0; i < params[THREADS].value; i++) {
        struct worker *worker = &soak.workers[i];
        worker->number = i;
        worker->random = 1000 + i;
        worker->blocks = harness_map(soak.load->slots * sizeof *worker->blocks);
    }
}

/* ---- figures ---- */

static int64_t live_bytes(void)
{
    int64_t sum = atomic_load(&soak.tally.live);
    for (unsigned i = 0; i < params[THREADS].value; i++)
        sum += atomic_load(&soak.workers[i].tally.live);
    return sum;
}

static uint64_t operations(void)
{
    uint64_t sum = atomic_load(&soak.tally.operations);
    for (unsigned i = 0; i < params[THREADS].value; i++)
        sum += atomic_load(&soak.workers[i].tally.operations);
    return sum;
}

static uint64_t refused(void)
{
    uint64_t sum = atomic_load(&soak.tally.refused);
    for (unsigned i = 0; i < params[THREADS].value; i++)
        sum += atomic_load(&soak.workers[i].tally.refused);
    return sum;
}

static size_t rss_bytes(void)
{
    return harness_status_kb("VmRSS:") * SOAK_KIB;
}

static const char columns[] = "seconds,phase,cycle,rss_kib,live_kib,operations,threads,refused,"
                              "injected,forks,signals,checks,errors,pages_kib,bound_kib,"
                              "own_live_kib,cached_kib,free_kib,warm_kib,metadata_kib,purged_kib\n";

static void say_parameters(void)
{
    const struct harness_param *p = params;
    harness_say("# seconds=%ju load=%s threads=%ju faults=%ju patience=%ju rss_before_kib=%zu "
                "spare_kib=%zu growth_kib=%zu period=%u\n",
                (uintmax_t)p[SECONDS].value, soak.load->name, (uintmax_t)p[THREADS].value,
                (uintmax_t)p[FAULTS].value, (uintmax_t)p[PATIENCE].value,
                soak.rss_before / SOAK_KIB, SPARE / SOAK_KIB, GROWTH / SOAK_KIB, soak.load->period);
}

/* The first columns; the caller ends the line. Nothing here calls the allocator. */
static void say_row(const char *phase, size_t rss)
{
    harness_say("%.2f,%s,%u,%zu,%jd,%ju,%ju,%ju,%ju,%ju,%ju,%u,%ju", harness_now() - soak.start,
                phase, gate.cycle, rss / SOAK_KIB, (intmax_t)(live_bytes() / 1024),
                (uintmax_t)operations(), (uintmax_t)soak.threads, (uintmax_t)refused(),
                (uintmax_t)faults_injected(), (uintmax_t)soak_forks, (uintmax_t)soak.signals,
                soak.checks, (uintmax_t)soak_errors());
}

static void say_terms(void)
{
    struct hak_stats stats;
    hak_stats(&stats, sizeof stats);
    uint64_t live = 0, cached = 0, free_bytes = 0;
    for (unsigned i = 0; i < HAK_LANE_COUNT; i++) {
        live += stats.lane[i].live_bytes;
        cached += stats.lane[i].cached_bytes;
        free_bytes += stats.lane[i].free_bytes;
    }
    harness_say(
        ",%ju,%ju,%ju,%ju,%ju,%ju\n", (uintmax_t)(live / SOAK_KIB), (uintmax_t)(cached / SOAK_KIB),
        (uintmax_t)(free_bytes / SOAK_KIB), (uintmax_t)(stats.warm_bytes / SOAK_KIB),
        (uintmax_t)(stats.metadata_bytes / SOAK_KIB), (uintmax_t)(stats.purged_bytes / SOAK_KIB));
}

/* ---- the pages in which live blocks lie ---- */

#define PAGE_SLOTS ((size_t)1 << 18)

/* Purpose: a set of page numbers, by open addressing; 0 is an empty slot. */
static struct {
    uintptr_t *slots;
    size_t count;
} pages;

static void add_page(uintptr_t page)
{
    uint64_t state = page;
    size_t at = random_next(&state) % PAGE_SLOTS;
    while (pages.slots[at] && pages.slots[at] != page)
        at = (at + 1) % PAGE_SLOTS;
    if (pages.slots[at])
        return;
    pages.slots[at] = page;
    if (++pages.count == PAGE_SLOTS)
        harness_fail(1, "live blocks lie in more than %zu pages", PAGE_SLOTS);
}

static void add_block(const struct block *block)
{
    uintptr_t start = (uintptr_t)block->start;
    if (start)
        for (uintptr_t page = start / HARNESS_PAGE; page * HARNESS_PAGE < start + block->size;
             page++)
            add_page(page);
}

/* While all rest. */
static size_t live_pages_bytes(void)
{
    memset(pages.slots, 0, PAGE_SLOTS * sizeof *pages.slots);
    pages.count = 0;
    queue_visit(add_block);
    if (soak.load->visit)
        soak.load->visit(add_block);
    for (unsigned i = 0; i < params[THREADS].value; i++)
        for (size_t slot = 0; slot < soak.load->slots; slot++)
            add_block(&soak.workers[i].blocks[slot]);
    return pages.count * HARNESS_PAGE;
}

/* ---- phases ---- */

static void sleep_until(double moment)
{
    struct timespec at = {.tv_sec = (time_t)moment};
    at.tv_nsec = (long)((moment - (double)at.tv_sec) * 1e9);
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR) {
    }
}

static void set_timer(long us)
{
    struct itimerval timer = {{0, us}, {0, us}};
    setitimer(ITIMER_PROF, &timer, NULL);
}

static void check_heap(void)
{
    if (hak_check() != 0)
        soak_error("hak_check found faults");
    soak.checks++;
}

static void set_phase(enum phase phase)
{
    pthread_mutex_lock(&gate.lock);
    gate.phase = phase;
    pthread_cond_broadcast(&gate.changed);
    while (phase == PHASE_REST && gate.resting < gate.alive)
        pthread_cond_wait(&gate.changed, &gate.lock);
    while (phase == PHASE_END && gate.alive > 0)
        pthread_cond_wait(&gate.changed, &gate.lock);
    pthread_mutex_unlock(&gate.lock);
}

static void run_load(double until)
{
    double next_check = harness_now() + CHECK_EVERY_S;
    faults_inject(params[FAULTS].value);
    set_timer(SIGNAL_EVERY_US);
    set_phase(PHASE_LOAD);
    for (double next = harness_now(); next < until; next += 1) {
        sleep_until(next);
        if (harness_now() >= next_check) {
            check_heap();
            next_check = harness_now() + CHECK_EVERY_S;
        }
        say_row("load", rss_bytes());
        harness_say(",,");
        say_terms();
    }
    sleep_until(until);
    set_phase(PHASE_REST);
    set_timer(0);
    faults_inject(0);
}

/* All rest: free what does not stay. */
static void shrink(bool all)
{
    struct block block;
    while (queue_pop(&block))
        block_put(&soak.tally, &block);
    for (unsigned i = 0; i < params[THREADS].value; i++)
        for (size_t slot = 0; slot < soak.load->slots; slot++)
            if (all || !soak.load->stays(slot))
                block_put(&soak.tally, &soak.workers[i].blocks[slot]);
    if (all && soak.load->drain)
        soak.load->drain(&soak.tally);
    else if (soak.load->shrink)
        soak.load->shrink(&soak.tally, &soak.random);
}

/* RSS over the live pages in the first rest after a load of the same sizes. */
static int64_t *first_excess(void)
{
    return &soak.first_excess[(gate.cycle - 1) % soak.load->period];
}

static bool has_grown(int64_t excess)
{
    return gate.cycle > soak.load->period && excess > *first_excess() + (int64_t)GROWTH;
}

static void check_growth(int64_t excess)
{
    if (gate.cycle <= soak.load->period)
        *first_excess() = excess;
    if (has_grown(excess))
        soak_error("rest %u ends with %jd KiB over the live pages, an earlier one with %jd KiB",
                   soak.rests, (intmax_t)excess / 1024, (intmax_t)*first_excess() / 1024);
}

/* Asleep, but for a look at RSS each half second, until `seconds` have gone by; longer, while RSS
 * is too high and patience lasts. The last row has the bound and the allocator's terms. */
static void rest(double seconds)
{
    size_t live_pages = live_pages_bytes();
    size_t bound = soak.rss_before + live_pages + live_pages / 10 + SPARE;
    double until = harness_now() + seconds;
    double at_most = until + (double)params[PATIENCE].value;
    size_t rss;
    for (;;) {
        rss = rss_bytes();
        bool is_high = rss > bound || (live_pages > 0 && has_grown((int64_t)(rss - live_pages)));
        if (harness_now() >= (is_high ? at_most : until))
            break;
        say_row("rest", rss);
        harness_say(",,,,,,,,\n");
        sleep_until(harness_now() + 0.5);
    }
    soak.rests++;
    if (rss > bound)
        soak_error("rest %u ends with RSS %zu KiB, over its bound of %zu KiB", soak.rests,
                   rss / SOAK_KIB, bound / SOAK_KIB);
    if (live_pages > 0)
        check_growth((int64_t)(rss - live_pages));
    say_row("rested", rss);
    harness_say(",%zu,%zu", live_pages / SOAK_KIB, bound / SOAK_KIB);
    say_terms();
}

/* ---- the whole ---- */

static void count_signal(int number)
{
    (void)number;
    atomic_fetch_add_explicit(&soak.signals, 1, memory_order_relaxed);
}

static void prepare_signals(void)
{
    struct sigaction action = {.sa_handler = count_signal, .sa_flags = SA_RESTART};
    sigaction(SIGPROF, &action, NULL);
    sigset_t timer;
    sigemptyset(&timer);
    sigaddset(&timer, SIGPROF);
    pthread_sigmask(SIG_BLOCK, &timer, NULL); /* they are for the workers */
}

static void run(void)
{
    double seconds = (double)params[SECONDS].value;
    double cycle = seconds / 10 > 60 ? 60 : seconds / 10 < 6 ? 6 : seconds / 10;
    double resting = cycle / 4 > REST_MIN_S ? cycle / 4 : REST_MIN_S;
    soak.start = harness_now();
    for (unsigned i = 0; i < params[THREADS].value; i++) {
        gate.alive++;
        start_thread(&soak.workers[i]);
    }
    /* the last rest, with all freed, is part of the time */
    double end = soak.start + seconds - resting;
    do {
        gate.cycle++;
        double load_end = harness_now() + cycle - resting;
        run_load(load_end + resting < end - cycle / 2 ? load_end : end - resting);
        shrink(false);
        rest(resting);
        check_heap();
    } while (harness_now() + resting + 1 < end);
    set_phase(PHASE_END);
    shrink(true);
    if (live_bytes() != 0)
        soak_error("%jd bytes are live at the end", (intmax_t)live_bytes());
    rest(resting);
    check_heap();
}

int main(int argc, char **argv)
{
    harness_parse(argc, argv, params, PARAMS);
    soak.load = loads[params[LOAD].value];
    prepare_signals();
    pages.slots = harness_map(PAGE_SLOTS * sizeof *pages.slots);
    start_workers();
    if (soak.load->start)
        soak.load->start();
    soak.rss_before = rss_bytes();
    say_parameters();
    harness_say("%s", columns);
    run();
    harness_say(
        "soak: %ju operations, %ju errors, %ju threads, %ju forks, %ju signals, %u checks of "
        "the heap, %ju failures injected, %ju calls refused, %u rests\n",
        (uintmax_t)operations(), (uintmax_t)soak_errors(), (uintmax_t)soak.threads,
        (uintmax_t)soak_forks, (uintmax_t)soak.signals, soak.checks, (uintmax_t)faults_injected(),
        (uintmax_t)refused(), soak.rests);
    return soak_errors() != 0;
}
