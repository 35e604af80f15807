/* SPDX-License-Identifier: MIT */
/*
 * Does memory that goes back to the kernel hold up other threads? BUSY threads, each on a CPU of
 * its own, take, write and free blocks of 16 bytes to 64 KiB, and time each step; another one, on
 * a CPU that is left, takes MIB in small, medium or large blocks by turns, frees all, and sleeps
 * for PAUSE_MS, so that what is free decays meanwhile. LOAD `still`: that one only sleeps, so
 * nothing is purged. `clock`: the busy ones only read the clock, which shows what the machine does
 * by itself.
 *
 * A step of over SLOW_NS is looked into: has the thread lost its processor (preempted), has it
 * slept in the kernel (waited: for a lock, for the kernel's own), or neither (worked: it may be
 * the hypervisor that took the processor). And each call by which the allocator gives pages back is
 * timed, on the clock and on its thread's: madvise and munmap are found here before libc's, by all
 * that do not call the kernel by themselves (glibc's malloc does).
 */
#include "harness.h"
#include "threads.h"

#include <stdatomic.h>
#include <sys/syscall.h>

enum { BUSY, SECONDS, LOAD, MIB, PAUSE_MS, SEED, PARAMS };
enum { LOAD_PURGE, LOAD_STILL, LOAD_CLOCK };
enum { MAX_BUSY = 64, SLOTS = 512, BLOCK_MIN = 64 };

#define SLOW_NS 20000u
#define LONG_NS 100000u

static struct harness_param params[PARAMS] = {
    [BUSY] = {"BUSY", 0, 0, MAX_BUSY, {0}}, /* 0: as many as CPUs, less one */
    [SECONDS] = {"SECONDS", 5, 1, 3600, {0}},
    [LOAD] = {"LOAD", LOAD_PURGE, 0, 0, {"purge", "still", "clock"}},
    [MIB] = {"MIB", 200, 1, 100000, {0}},
    [PAUSE_MS] = {"PAUSE_MS", 100, 0, 100000, {0}},
    [SEED] = {"SEED", 42, 1, UINT32_MAX, {0}},
};

/* ---- Times ---- */

/* Counts by duration: exact to 1/32. */
enum { STEPS = 32, BUCKETS = 40 * STEPS };
struct times {
    _Atomic uint64_t counts[BUCKETS];
    _Atomic uint64_t worst;
    _Atomic uint64_t preempted; /* of those that took LONG_NS and more */
    _Atomic uint64_t waited;
    _Atomic uint64_t worked;
};

static size_t bucket_of(uint64_t ns)
{
    if (ns < STEPS) {
        return ns;
    }
    unsigned shift = 63u - (unsigned)__builtin_clzll(ns) - 5;
    size_t bucket = (size_t)(shift + 1) * STEPS + ((ns >> shift) - STEPS);
    return bucket < BUCKETS ? bucket : BUCKETS - 1;
}

/* The least duration of a bucket. */
static uint64_t bucket_start(size_t bucket)
{
    return bucket < STEPS ? bucket : (uint64_t)(STEPS + bucket % STEPS) << (bucket / STEPS - 1);
}

static void times_add(struct times *times, uint64_t ns)
{
    atomic_fetch_add_explicit(&times->counts[bucket_of(ns)], 1, memory_order_relaxed);
    if (ns > atomic_load_explicit(&times->worst, memory_order_relaxed)) {
        atomic_store_explicit(&times->worst, ns, memory_order_relaxed);
    }
}

static void times_merge(struct times *into, const struct times *from)
{
    for (size_t i = 0; i < BUCKETS; i++) {
        into->counts[i] += from->counts[i];
    }
    into->worst = from->worst > into->worst ? from->worst : into->worst;
    into->preempted += from->preempted;
    into->waited += from->waited;
    into->worked += from->worked;
}

static uint64_t times_count(const struct times *times)
{
    uint64_t count = 0;
    for (size_t i = 0; i < BUCKETS; i++) {
        count += times->counts[i];
    }
    return count;
}

/* So many of a million are shorter. */
static uint64_t times_at(const struct times *times, uint64_t millionths)
{
    uint64_t left = times_count(times) * millionths / 1000000;
    size_t i = 0;
    for (; i < BUCKETS - 1 && times->counts[i] <= left; i++) {
        left -= times->counts[i];
    }
    return bucket_start(i);
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* ---- What goes back to the kernel ---- */

static atomic_bool is_measuring;
static struct times purges;     /* on the clock */
static struct times purges_cpu; /* on their thread's: without what others took of the processor */
static _Atomic uint64_t purged_bytes;

static long timed_call(long number, void *start, size_t size, long argument)
{
    uint64_t cpu = clock_ns(CLOCK_THREAD_CPUTIME_ID);
    uint64_t from = clock_ns(CLOCK_MONOTONIC);
    long result = syscall(number, start, size, argument);
    int error = errno;
    uint64_t to = clock_ns(CLOCK_MONOTONIC);
    if (atomic_load_explicit(&is_measuring, memory_order_relaxed) && result == 0) {
        times_add(&purges, to - from);
        times_add(&purges_cpu, clock_ns(CLOCK_THREAD_CPUTIME_ID) - cpu);
        atomic_fetch_add_explicit(&purged_bytes, size, memory_order_relaxed);
    }
    errno = error;
    return result;
}

int madvise(void *start, size_t size, int advice)
{
    if (advice != MADV_DONTNEED && advice != MADV_FREE) {
        return (int)syscall(SYS_madvise, start, size, advice);
    }
    return (int)timed_call(SYS_madvise, start, size, advice);
}

int munmap(void *start, size_t size)
{
    return (int)timed_call(SYS_munmap, start, size, 0);
}

/* ---- The busy threads ---- */

struct worker {
    bool is_busy;
    uint32_t seed;
    struct times calls;
    struct times touches;
    uint64_t now;
    long preempted; /* as getrusage last said */
    long waited;
    void *slots[SLOTS];
};

static uint64_t end_ns;

static void look_at_switches(struct worker *worker, struct times *times, uint64_t ns)
{
    struct rusage usage;
    getrusage(RUSAGE_THREAD, &usage);
    if (times && ns >= LONG_NS) {
        times->preempted += usage.ru_nivcsw != worker->preempted;
        times->waited += usage.ru_nivcsw == worker->preempted && usage.ru_nvcsw != worker->waited;
        times->worked += usage.ru_nivcsw == worker->preempted && usage.ru_nvcsw == worker->waited;
    }
    worker->preempted = usage.ru_nivcsw;
    worker->waited = usage.ru_nvcsw;
}

/* The time since the last reading is that of a step; NULL for what lies between steps. */
static void step(struct worker *worker, struct times *times)
{
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    uint64_t ns = now - worker->now;
    if (times) {
        times_add(times, ns);
    }
    if (ns > SLOW_NS) {
        look_at_switches(worker, times, ns);
        now = clock_ns(CLOCK_MONOTONIC);
    }
    worker->now = now;
}

/* 16 bytes to 64 KiB, each doubling as often as any other. */
static size_t next_size(struct worker *worker)
{
    size_t base = (size_t)16 << harness_random(&worker->seed) % 12;
    return base + harness_random(&worker->seed) % base;
}

static void use_slot(struct worker *worker, void **slot)
{
    size_t size = next_size(worker);
    step(worker, NULL);
    if (*slot) {
        free(*slot);
        step(worker, &worker->calls);
        *slot = NULL;
        return;
    }
    *slot = harness_need(malloc(size), size);
    step(worker, &worker->calls);
    harness_touch(*slot, 0, size, (unsigned char)size);
    step(worker, &worker->touches);
}

/* As long as a call that is short. */
static void read_clock(struct worker *worker)
{
    harness_random(&worker->seed);
    step(worker, NULL);
    step(worker, &worker->calls);
    step(worker, &worker->touches);
}

static void be_busy(struct worker *worker)
{
    worker->now = clock_ns(CLOCK_MONOTONIC);
    look_at_switches(worker, NULL, 0);
    while (worker->now < end_ns) {
        if (params[LOAD].value == LOAD_CLOCK) {
            read_clock(worker);
        } else {
            use_slot(worker, &worker->slots[harness_random(&worker->seed) % SLOTS]);
        }
    }
}

/* ---- The thread that frees ---- */

static void turn(struct worker *worker, void **blocks, size_t least, size_t most)
{
    size_t bytes = (size_t)params[MIB].value << 20;
    size_t count = 0;
    for (size_t total = 0; total < bytes; count++) {
        size_t size = least + harness_random(&worker->seed) % (most - least);
        blocks[count] = harness_need(malloc(size), size);
        harness_touch(blocks[count], 0, size, 1);
        total += size;
    }
    for (size_t i = 0; i < count; i++) {
        free(blocks[i]);
    }
    usleep((useconds_t)params[PAUSE_MS].value * 1000);
}

static void free_much(struct worker *worker)
{
    static const size_t sizes[][2] = {
        {BLOCK_MIN, 1 << 10}, {4 << 10, 40 << 10}, {256 << 10, 8 << 20}};
    void **blocks = harness_map((((size_t)params[MIB].value << 20) / BLOCK_MIN + 1) *
                                sizeof(void *));
    if (params[LOAD].value == LOAD_STILL) {
        usleep((useconds_t)params[SECONDS].value * 1000000);
        return;
    }
    for (size_t i = 0; clock_ns(CLOCK_MONOTONIC) < end_ns; i++) {
        turn(worker, blocks, sizes[i % 3][0], sizes[i % 3][1]);
    }
}

static void *run(void *argument)
{
    struct worker *worker = argument;
    (worker->is_busy ? be_busy : free_much)(worker);
    return NULL;
}

/* ---- What it came to ---- */

static uint64_t count_long(const struct times *times)
{
    uint64_t count = 0;
    for (size_t i = bucket_of(LONG_NS); i < BUCKETS; i++) {
        count += times->counts[i];
    }
    return count;
}

static void say(const char *kind, const struct times *times)
{
    harness_say(
        "PAUSES kind=%s count=%ju median=%ju p99=%ju p999=%ju p99999=%ju worst=%ju long=%ju "
        "preempted=%ju waited=%ju worked=%ju\n",
        kind, (uintmax_t)times_count(times), (uintmax_t)times_at(times, 500000),
        (uintmax_t)times_at(times, 990000), (uintmax_t)times_at(times, 999000),
        (uintmax_t)times_at(times, 999990), (uintmax_t)times->worst, (uintmax_t)count_long(times),
        (uintmax_t)times->preempted, (uintmax_t)times->waited, (uintmax_t)times->worked);
}

static size_t busy_threads(void)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    return params[BUSY].value ? params[BUSY].value : cpus > 1 ? (size_t)cpus - 1 : 1;
}

int main(int argc, char **argv)
{
    harness_parse(argc, argv, params, PARAMS);
    size_t count = busy_threads() + 1;
    struct worker *workers = harness_map(count * sizeof *workers);
    for (size_t i = 0; i < count; i++) {
        workers[i].is_busy = i > 0; /* the first one's CPU is the helper's too, if there is one */
        workers[i].seed = harness_seed(params[SEED].value, i);
    }
    end_ns = clock_ns(CLOCK_MONOTONIC) + params[SECONDS].value * 1000000000u;
    is_measuring = true;
    harness_run_threads(count, run, workers, sizeof *workers);
    is_measuring = false;
    for (size_t i = 2; i < count; i++) {
        times_merge(&workers[1].calls, &workers[i].calls);
        times_merge(&workers[1].touches, &workers[i].touches);
    }
    say("calls", &workers[1].calls);
    say("touches", &workers[1].touches);
    say("purges", &purges);
    say("purges_cpu", &purges_cpu);
    harness_say("PAUSES kind=purged bytes=%ju\n", (uintmax_t)purged_bytes);
    harness_result("pauses", times_count(&workers[1].calls), (double)params[SECONDS].value);
    return 0;
}
