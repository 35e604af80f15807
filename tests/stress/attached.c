// args: 2 20000
// args: 8 20000
/* SPDX-License-Identifier: MIT */
/*
 * THREADS threads allocate, resize and free each other's blocks for STEPS steps each, or only pop
 * and push, while one more does what the command `hakmem profile` does: by /proc/self/mem it writes
 * requests to start and to stop, and a lease, and marks the bins of all threads. Blocks keep their
 * content, the heap is whole, every request is served, and at the end nothing is watched.
 */
#include "stress.h"

#include <sys/wait.h>

#undef KIB
#undef MIB
#include "diag/root.h"

#if !HAK_PREFIXED /* a weak name does not bring its object out of an archive */
#pragma weak hakmem_root
#endif

#define SLOTS 512
#define SESSIONS 60

static _Atomic(struct held *) slots[SLOTS];
static atomic_bool is_over;

/* ---- the process ---- */

static void exchange(size_t slot, struct held *held)
{
    struct held *old = atomic_exchange(&slots[slot], held);
    if (old == NULL)
        return;
    held_free(old);
    test_free(old);
}

static void pop_and_push(void)
{
    for (int i = 0; i < 200; i++) {
        char *block = test_malloc(100);
        REQUIRE(block != NULL);
        block[0] = 1;
        test_free(block);
    }
}

static void fork_once(void)
{
    pid_t child = fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        void *block = test_malloc(100);
        test_free(test_malloc(1000000));
        test_free(block);
        _exit(block == NULL);
    }
    int status;
    REQUIRE(waitpid(child, &status, 0) == child && status == 0);
}

static void *work(void *argument)
{
    struct worker *worker = argument;
    for (int step = 0; step < worker->steps || !is_over; step++) {
        uint64_t pick = random_next(&worker->random);
        struct held *held = test_malloc(sizeof(*held));
        REQUIRE(held != NULL);
        held_allocate(held, random_size(&worker->random) >> (pick % 4), &worker->random);
        if (pick % 8 == 0)
            held_resize(held, random_size(&worker->random), &worker->random);
        exchange((size_t)(pick >> 32) % SLOTS, held);
        if (step % 64 == 63)
            pop_and_push();
        if (step % 8192 == 8191)
            fork_once();
    }
    return NULL;
}

/* ---- the command ---- */

static int memory; /* /proc/self/mem */
static struct root root;

static void read_at(const void *from, void *into, size_t size)
{
    REQUIRE(pread(memory, into, size, (off_t)(uintptr_t)from) == (ssize_t)size);
}

static void write_at(const void *to, const void *from, size_t size)
{
    REQUIRE(pwrite(memory, from, size, (off_t)(uintptr_t)to) == (ssize_t)size);
}

static void mark_bins(void)
{
    static struct thread_cache cache;
    struct thread_caches list;
    const uint8_t mark = 0x80;
    read_at(root.thread_caches, &list, sizeof(list));
    struct thread_cache *at = list.live;
    for (unsigned i = 0; at && i < 100; i++, at = cache.next) {
        read_at(at, &cache, sizeof(cache));
        for (unsigned c = CLASS_FIRST; c <= CLASS_ACE_LAST; c++)
            if (cache.bottom[c] != NULL)
                write_at((char *)&at->bottom[c] + sizeof(void *) - 1, &mark, 1);
    }
}

static void renew_lease(void)
{
    static uint32_t number;
    number++;
    write_at(&root.request->profile_lease, &number, sizeof(number));
}

static bool is_served(const struct request *slot)
{
    struct request now;
    read_at(slot, &now, sizeof(now));
    return now.served == now.asked;
}

/* Ask, and mark bins until it is done. */
static void ask(int64_t interval)
{
    struct request *slot = &root.request->slots[REQUEST_PROFILE];
    uint32_t yes = 1;
    uint32_t asked;
    read_at(&slot->asked, &asked, sizeof(asked));
    asked++;
    write_at(&slot->value, &interval, sizeof(interval));
    write_at(&slot->asked, &asked, sizeof(asked));
    write_at(&root.request->is_waiting, &yes, sizeof(yes));
    while (!is_served(slot)) {
        mark_bins();
        usleep(200);
    }
}

static void *profile_from_outside(void *unused)
{
    (void)unused;
    static const int64_t intervals[] = {1, 4096, 512 * 1024, 100 * 1024};
    for (unsigned i = 0; i < SESSIONS; i++) {
        renew_lease();
        ask(intervals[i % 4]);
        mark_bins();
        usleep(2000);
        renew_lease();
        if (i % 5 != 4) /* a second command begins, and the first has gone */
            ask(0);
        mark_bins(); /* one that comes too late */
        usleep(500);
    }
    ask(0);
    is_over = true;
    return NULL;
}

int main(int argc, char **argv)
{
    struct arguments arguments = arguments_read(argc, argv, 8, 20000);
    if (skip_missing(&hakmem_root, "hakmem_root"))
        return 0;
    memory = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
    REQUIRE(memory >= 0);
    test_free(test_malloc(1));
    read_at(&hakmem_root, &root, sizeof(root));
    pthread_t command;
    struct worker *workers = test_calloc((size_t)arguments.threads, sizeof(*workers));
    REQUIRE(pthread_create(&command, NULL, profile_from_outside, NULL) == 0);
    workers_start(workers, arguments.threads, arguments.steps, work);
    workers_join(workers, arguments.threads);
    REQUIRE(pthread_join(command, NULL) == 0);
    struct profile profile_now;
    read_at(root.profile, &profile_now, sizeof(profile_now));
    REQUIRE(profile_now.is_on == 0);
    for (size_t slot = 0; slot < SLOTS; slot++)
        exchange(slot, NULL);
    test_free(workers);
    check_heap();
    return 0;
}
