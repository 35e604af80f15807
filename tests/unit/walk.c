/* SPDX-License-Identifier: MIT */
/*
 * Tests of src/stack/walk.c and the files below it: stack_walk finds the same frames as libgcc's
 * unwinder at the same place, in every kind of frame, and in processes that may not be asked for
 * much.
 */
#include "unit/unit.h"

#include "stack/unwind.h"

#include <sys/auxv.h>
#include <sys/ucontext.h>
#include <ucontext.h>
#include <unwind.h>

#define FRAMES 128
#define apart __attribute__((noinline))
/* Behind a call, so that it is not the last act of its function. */
#define NO_TAIL_CALL() __asm__ volatile("" ::: "memory")

static uint64_t frames[FRAMES];
static size_t count;
static uint64_t theirs[FRAMES];
static size_t their_count;

/* The address in the frame's call, or the exact one where the frame was interrupted. */
static _Unwind_Reason_Code collect(struct _Unwind_Context *context, void *unused)
{
    int is_exact = 0;
    (void)unused;
    uintptr_t pc = _Unwind_GetIPInfo(context, &is_exact);
    if (their_count == FRAMES || pc == 0)
        return _URC_END_OF_STACK;
    theirs[their_count++] = is_exact ? pc : pc - 1;
    return _URC_NO_REASON;
}

/* Both at the same place. The innermost frame is where each was called. */
#define LOOK()                                                                                     \
    do {                                                                                           \
        struct stack_registers registers_;                                                         \
        stack_capture(&registers_);                                                                \
        count = stack_walk(&registers_, frames, FRAMES);                                           \
        their_count = 0;                                                                           \
        _Unwind_Backtrace(collect, NULL);                                                          \
    } while (0)

static void show(void)
{
    for (size_t i = 0; i < count || i < their_count; i++)
        fprintf(stderr, "%3zu %#18llx %#18llx\n", i, i < count ? (unsigned long long)frames[i] : 0,
                i < their_count ? (unsigned long long)theirs[i] : 0);
}

static void check_same(size_t least)
{
    bool is_well = count == their_count && count >= least;
    for (size_t i = 1; i < count && i < their_count; i++)
        is_well &= frames[i] == theirs[i];
    if (!is_well)
        show();
    CHECK(is_well);
}

/* ---- chains of calls ---- */

typedef void visitor(unsigned depth);

static apart void look(unsigned depth)
{
    (void)depth;
    LOOK();
}

static apart void small(unsigned depth, visitor *visit);

/* A frame whose size is not known to the compiler: it has a frame pointer. */
static apart void variable(unsigned depth, visitor *visit)
{
    char *room = __builtin_alloca(depth % 64 * 16 + 16);
    room[0] = (char)depth;
    __asm__ volatile("" : : "r"(room) : "memory");
    small(depth, visit);
    NO_TAIL_CALL();
}

/* A frame that is aligned to more than the ABI gives. */
static apart void aligned(unsigned depth, visitor *visit)
{
    _Alignas(64) char room[192];
    room[0] = (char)depth;
    __asm__ volatile("" : : "r"(room) : "memory");
    variable(depth, visit);
    NO_TAIL_CALL();
}

static apart void large(unsigned depth, visitor *visit)
{
    char room[3000];
    room[0] = (char)depth;
    __asm__ volatile("" : : "r"(room) : "memory");
    aligned(depth, visit);
    NO_TAIL_CALL();
}

static apart void small(unsigned depth, visitor *visit)
{
    if (depth == 0)
        visit(depth);
    else if (depth % 3 == 0)
        large(depth - 1, visit);
    else
        small(depth - 1, visit);
    NO_TAIL_CALL();
}

static void test_chain(void **state)
{
    (void)state;
    for (unsigned depth = 0; depth < 30; depth++) {
        small(depth, look);
        check_same(depth + 3);
    }
    /* and once more from the cache */
    for (unsigned depth = 0; depth < 30; depth++) {
        small(depth, look);
        check_same(depth + 3);
    }
}

static void test_depth(void **state)
{
    (void)state;
    static uint64_t few[7];
    struct stack_registers registers;
    stack_capture(&registers);
    size_t all = stack_walk(&registers, frames, FRAMES);
    CHECK(all > 3);
    CHECK_EQ(stack_walk(&registers, few, 3), 3);
    CHECK_EQ(few[3], 0);
    CHECK(memcmp(few, frames, 3 * sizeof(few[0])) == 0);
    CHECK_EQ(stack_walk(&registers, few, 0), 0);
    small(3000, look);
    CHECK_EQ(count, FRAMES);
    check_same(FRAMES);
}

static int compare(const void *a, const void *b)
{
    LOOK();
    return *(const int *)a - *(const int *)b;
}

static void test_callback(void **state)
{
    (void)state;
    int numbers[] = {3, 1, 2};
    qsort(numbers, 3, sizeof(numbers[0]), compare);
    check_same(5);
    CHECK_EQ(numbers[0], 1);
    bsearch(&numbers[1], numbers, 3, sizeof(numbers[0]), compare);
    check_same(4);
}

/* ---- signals ---- */

static apart void on_signal(int number)
{
    (void)number;
    LOOK();
}

static apart void raise_here(unsigned depth)
{
    (void)depth;
    raise(SIGUSR1);
    NO_TAIL_CALL();
}

static volatile int *bad_pointer;
static sigjmp_buf behind_fault;

/* A leaf without a frame, interrupted in the middle. */
static apart void fault_here(unsigned depth)
{
    *bad_pointer = (int)depth;
}

static uint64_t context_frames[FRAMES];
static size_t context_count;

static void on_fault(int number, siginfo_t *info, void *context)
{
    (void)number;
    (void)info;
    struct stack_registers registers;
    stack_from_context(&registers, context);
    context_count = stack_walk(&registers, context_frames, FRAMES);
    LOOK();
    siglongjmp(behind_fault, 1);
}

static void set_handlers(int flags)
{
    struct sigaction action = {.sa_handler = on_signal, .sa_flags = flags};
    CHECK_EQ(sigaction(SIGUSR1, &action, NULL), 0);
    if (!bad_pointer)
        bad_pointer = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct sigaction fault = {.sa_sigaction = on_fault, .sa_flags = flags | SA_SIGINFO};
    CHECK_EQ(sigaction(SIGSEGV, &fault, NULL), 0);
}

static void check_signals(void)
{
    small(7, raise_here);
    check_same(12);
    if (sigsetjmp(behind_fault, 1) == 0)
        small(7, fault_here);
    check_same(12);
    CHECK(context_count > 10 && context_count < count);
    /* the frames below the handler, and its trampoline */
    CHECK(memcmp(context_frames, frames + (count - context_count),
                 context_count * sizeof(frames[0])) == 0);
}

static void test_signal(void **state)
{
    (void)state;
    set_handlers(0);
    check_signals();
}

static void test_signal_stack(void **state)
{
    (void)state;
    static char room[256 * 1024];
    stack_t stack = {.ss_sp = room, .ss_size = sizeof(room)};
    CHECK_EQ(sigaltstack(&stack, NULL), 0);
    set_handlers(SA_ONSTACK);
    check_signals();
    stack.ss_flags = SS_DISABLE;
    CHECK_EQ(sigaltstack(&stack, NULL), 0);
}

/* ---- code without tables ---- */

/* A function of a JIT compiler: makes a frame with a frame pointer, and calls its argument. */
#if defined(__x86_64__)
static const uint8_t jit_code[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd7, 0x5d, 0xc3};
#else
static const uint32_t jit_code[] = {0xa9bf7bfd, 0x910003fd, 0xd63f0000, 0xa8c17bfd, 0xd65f03c0};
#endif

static apart void look_without_argument(void)
{
    LOOK();
}

static void test_jit(void **state)
{
    (void)state;
    char *page = mmap(NULL, 65536, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
                      -1, 0);
    CHECK(page != MAP_FAILED);
    memcpy(page, jit_code, sizeof(jit_code));
    __builtin___clear_cache(page, page + sizeof(jit_code));
    void (*jit)(void (*)(void)) = (void (*)(void (*)(void)))(void *)page;
    struct stack_registers registers;
    stack_capture(&registers);
    static uint64_t here[FRAMES];
    size_t depth = stack_walk(&registers, here, FRAMES);
    jit(look_without_argument);
    /* the function, the JIT code, and we ... of whom it knows no more than the frame pointer */
    CHECK(count >= 3);
    CHECK(frames[1] - (uint64_t)(uintptr_t)page < sizeof(jit_code));
    CHECK(frames[2] - here[0] < 512);
    (void)depth;
    munmap(page, 65536);
}

/* ---- threads and stacks of unknown bounds ---- */

static bool is_filtered;

static void *look_in_thread(void *unused)
{
    (void)unused;
    small(11, look);
    check_same(12);
    set_handlers(0);
    if (!is_filtered || getauxval(AT_SYSINFO_EHDR) != 0)
        check_signals();
    return NULL;
}

static void run_thread(const pthread_attr_t *attributes)
{
    pthread_t thread;
    CHECK_EQ(pthread_create(&thread, attributes, look_in_thread, NULL), 0);
    CHECK_EQ(pthread_join(thread, NULL), 0);
}

static void test_threads(void **state)
{
    (void)state;
    static _Alignas(4096) char room[4 * 1024 * 1024];
    pthread_attr_t attributes;
    run_thread(NULL);
    CHECK_EQ(pthread_attr_init(&attributes), 0);
    CHECK_EQ(pthread_attr_setstack(&attributes, room, sizeof(room)), 0);
    run_thread(&attributes);
    CHECK_EQ(pthread_attr_destroy(&attributes), 0);
}

static ucontext_t main_context, coroutine;

static apart void run_coroutine(void)
{
    small(11, look);
    NO_TAIL_CALL();
}

static void use_coroutine(void)
{
    static char room[256 * 1024];
    CHECK_EQ(getcontext(&coroutine), 0);
    coroutine.uc_stack.ss_sp = room;
    coroutine.uc_stack.ss_size = sizeof(room);
    coroutine.uc_link = &main_context;
    makecontext(&coroutine, run_coroutine, 0);
    CHECK_EQ(swapcontext(&main_context, &coroutine), 0);
}

static void test_coroutine(void **state)
{
    (void)state;
    use_coroutine();
    check_same(12);
}

/* ---- restricted processes ---- */

static void look_by_maps(void)
{
    struct unwind_module module;
    module_use_maps();
    stack_start();
    CHECK(module_find((uintptr_t)qsort, &module));
    CHECK(!module_find((uintptr_t)&module, &module));
    test_chain(NULL);
    test_callback(NULL);
    test_signal(NULL);
    test_coroutine(NULL);
}

static void test_maps(void **state)
{
    (void)state;
    CHECK_CHILD(look_by_maps);
}

static void look_filtered(void)
{
    os_note_filter();
    stack_start();
    test_chain(NULL);
    test_callback(NULL);
    /* An emulator may have the end of a handler on a page of its own, which is not read here. */
    if (getauxval(AT_SYSINFO_EHDR) != 0)
        test_signal(NULL);
    use_coroutine();
    CHECK_EQ(count, 1);
    is_filtered = true;
    run_thread(NULL);
}

/* No call is made that a filter may forbid: the same in a process that is not filtered in truth. */
static void test_filtered(void **state)
{
    (void)state;
    CHECK_CHILD(look_filtered);
}

static void test_start(void **state)
{
    (void)state;
    stack_start();
    stack_start();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_maps), /* first: in a child that has not looked for libc's function */
        cmocka_unit_test(test_filtered),     cmocka_unit_test(test_start),
        cmocka_unit_test(test_chain),        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_callback),     cmocka_unit_test(test_signal),
        cmocka_unit_test(test_signal_stack), cmocka_unit_test(test_jit),
        cmocka_unit_test(test_threads),      cmocka_unit_test(test_coroutine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
