/* SPDX-License-Identifier: MIT */
/*
 * Stacks walked while the program is busy with the same things: threads that unwind by libgcc (as
 * exceptions do) and end by forced unwinding, a thread that loads and unloads libraries, walks
 * through addresses of a library that is being unmapped, and two timers whose handlers walk what
 * they have interrupted, walks and each other too. Nothing may hang or fault, and each walk begins
 * where it should.
 */
#include "unit/unit.h"

#include "stack/unwind.h"

#include <dlfcn.h>
#include <sys/time.h>
#include <unwind.h>

#define THREADS 8
#define LOOPS (UNIT_SANITIZED ? 300 : 3000)
#define FRAMES 64
#define apart __attribute__((noinline))

static _Alignas(8) char memory[MIB];
static struct stack_store *store;
static _Atomic unsigned handled, walked, frames_found, unloads, walks_in_vanishing;
static _Atomic bool stop;
/* Where the library is, was, or will be again. */
static _Atomic uintptr_t library_start, library_end;

static void walk(const struct stack_registers *registers)
{
    uint64_t frames[FRAMES];
    size_t count = stack_walk(registers, frames, FRAMES);
    CHECK(count >= 1 && count <= FRAMES);
    CHECK_EQ(frames[0], registers->value[STACK_PC]);
    CHECK(stack_intern(store, frames, count) != 0 || atomic_load(&store->dropped_full) > 0);
    atomic_fetch_add_explicit(&walked, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&frames_found, (unsigned)count, memory_order_relaxed);
}

static void on_timer(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    int saved = errno;
    struct stack_registers registers;
    stack_from_context(&registers, context);
    walk(&registers);
    stack_capture(&registers);
    walk(&registers);
    atomic_fetch_add_explicit(&handled, 1, memory_order_relaxed);
    errno = saved;
}

static void set_timers(long microseconds)
{
    static const int timers[] = {ITIMER_REAL, ITIMER_PROF};
    static const int signals[] = {SIGALRM, SIGPROF};
    for (unsigned i = 0; i < 2; i++) {
        struct sigaction action = {.sa_sigaction = on_timer, .sa_flags = SA_SIGINFO | SA_RESTART};
        struct itimerval interval = {{0, microseconds}, {0, microseconds}};
        CHECK_EQ(sigaction(signals[i], &action, NULL), 0);
        CHECK_EQ(setitimer(timers[i], &interval, NULL), 0);
    }
}

/* ---- what threads do ---- */

static _Unwind_Reason_Code count_frame(struct _Unwind_Context *context, void *count)
{
    (void)context;
    ++*(unsigned *)count;
    return _URC_NO_REASON;
}

/* As an exception that is thrown here and caught in `unwind_by_libgcc`. */
static __thread sigjmp_buf caught;
static __thread unsigned unwound;
static _Unwind_Reason_Code stop_at(int version, _Unwind_Action actions,
                                   _Unwind_Exception_Class class_of,
                                   struct _Unwind_Exception *exception,
                                   struct _Unwind_Context *context, void *unused)
{
    (void)version, (void)actions, (void)class_of, (void)exception, (void)context, (void)unused;
    if (++unwound == 5)
        longjmp(caught, 1);
    return _URC_NO_REASON;
}

static apart void throw_deep(unsigned depth)
{
    static __thread struct _Unwind_Exception exception;
    if (depth == 0)
        _Unwind_ForcedUnwind(&exception, stop_at, NULL);
    else
        throw_deep(depth - 1);
    __asm__ volatile("" ::: "memory");
}

static apart void unwind_by_libgcc(void)
{
    unsigned count = 0;
    _Unwind_Backtrace(count_frame, &count);
    CHECK(count >= 2);
    unwound = 0;
    if (setjmp(caught) == 0)
        throw_deep(10);
    CHECK_EQ(unwound, 5);
}

static apart void walk_deep(unsigned depth)
{
    if (depth == 0) {
        struct stack_registers registers;
        stack_capture(&registers);
        walk(&registers);
    } else {
        walk_deep(depth - 1);
    }
    __asm__ volatile("" ::: "memory");
}

/* A return address in the library, whatever is there now. */
static apart void walk_in_vanishing(uint64_t *state)
{
    struct stack_registers registers;
    uintptr_t start = atomic_load(&library_start);
    stack_capture(&registers);
    if (start == 0)
        return;
    size_t size = atomic_load(&library_end) - start;
    registers.value[STACK_PC] = start + random_next(state) % size;
    walk(&registers);
    atomic_fetch_add_explicit(&walks_in_vanishing, 1, memory_order_relaxed);
}

static void *end_by_unwinding(void *unused)
{
    walk_deep(3);
    pthread_exit(unused);
}

static void *be_busy(void *number)
{
    uint64_t state = (uintptr_t)number + 1;
    for (unsigned i = 0; i < LOOPS; i++) {
        unwind_by_libgcc();
        walk_deep(i % 30);
        for (unsigned j = 0; j < 10; j++)
            walk_in_vanishing(&state);
        if (i % 64 == 0) {
            pthread_t thread;
            CHECK_EQ(pthread_create(&thread, NULL, end_by_unwinding, NULL), 0);
            CHECK_EQ(pthread_join(thread, NULL), 0);
        }
    }
    return NULL;
}

/* ---- libraries that come and go ---- */

static void load_and_unload(const char *name, const char *symbol)
{
    struct unwind_module module;
    void *library = dlopen(name, RTLD_LAZY);
    if (!library)
        return;
    void *code = dlsym(library, symbol);
    CHECK(code != NULL);
    if (module_find((uintptr_t)code, &module)) {
        atomic_store(&library_end, module.end);
        atomic_store(&library_start, module.start);
    }
    CHECK_EQ(dlclose(library), 0);
    unloads++;
}

static void *load_libraries(void *unused)
{
    while (!atomic_load(&stop)) {
        load_and_unload("libthread_db.so.1", "td_init");
        load_and_unload("libresolv.so.2", "ns_name_pton");
        load_and_unload("libBrokenLocale.so.1", "__ctype_get_mb_cur_max");
    }
    return unused;
}

static void run(void)
{
    pthread_t threads[THREADS];
    pthread_t loader;
    memset(memory, 0, sizeof(memory));
    store = stack_store_make(memory, sizeof(memory));
    stack_start();
    set_timers(1000);
    CHECK_EQ(pthread_create(&loader, NULL, load_libraries, NULL), 0);
    for (uintptr_t i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_create(&threads[i], NULL, be_busy, (void *)i), 0);
    for (unsigned i = 0; i < THREADS; i++)
        CHECK_EQ(pthread_join(threads[i], NULL), 0);
    atomic_store(&stop, true);
    CHECK_EQ(pthread_join(loader, NULL), 0);
    set_timers(0);
    fprintf(
        stderr,
        "%u walks, %.1f frames on average; %u signals, %u times unloaded, %u walks in a library "
        "that may be gone\n",
        walked, (double)frames_found / walked, handled, unloads, walks_in_vanishing);
    fprintf(stderr, "%llu stacks, %llu not kept\n", (unsigned long long)store->stacks,
            (unsigned long long)store->dropped_full);
    CHECK(handled > 0 && unloads > 0 && walks_in_vanishing > 0);
}

static void test_busy(void **state)
{
    (void)state;
    run();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
