/* SPDX-License-Identifier: MIT */
/*
 * A process in which profiling meets what is hard for it: `adverse KIND LIBRARY` does KIND in eight
 * threads until it is told to end by a byte on standard input; then it checks its blocks.
 *
 *   sigprof   all allocate, while SIGPROF comes at 1 kHz, whose handler does nothing
 *   dlopen    LIBRARY is loaded and unloaded in a loop, each time with a call into it
 *   throw     exceptions through ten frames
 *   unwind    SIGPROF at 1 kHz, whose handler walks the stack with libgcc's unwinder, and so may
 *             interrupt ours
 *   fork      children that allocate and end
 */
#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <dlfcn.h>
#include <signal.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>
#include <unwind.h>

static std::atomic<bool> is_over;
static std::atomic<unsigned long> rounds;
static const char *library;

static void fail(const char *what)
{
    std::fprintf(stderr, "adverse: %s\n", what);
    std::_Exit(1);
}

/* Blocks that must keep their content. */
struct block {
    unsigned char *bytes;
    size_t size;
    unsigned char mark;
};

static void check(const block &held)
{
    for (size_t i = 0; i < held.size; i += 7)
        if (held.bytes[i] != held.mark)
            fail("a block has changed");
}

static void replace(block &held, uint64_t number)
{
    if (held.bytes) {
        check(held);
        std::free(held.bytes);
    }
    held.size = 1 + number % (number % 64 == 0 ? 100000 : 1000);
    held.mark = (unsigned char)number;
    held.bytes = (unsigned char *)std::malloc(held.size);
    if (!held.bytes)
        fail("no memory");
    std::memset(held.bytes, held.mark, held.size);
}

static __attribute__((noinline)) void throw_from(int depth)
{
    std::string text(64, 'x');
    if (depth == 0)
        throw std::runtime_error(text);
    throw_from(depth - 1);
}

static void be_adverse(const char *kind)
{
    if (std::strcmp(kind, "dlopen") == 0) {
        void *opened = dlopen(library, RTLD_NOW);
        if (!opened)
            fail(dlerror());
        auto allocate = (void *(*)(size_t))dlsym(opened, "allocate_there");
        void *there = allocate ? allocate(5000) : nullptr;
        if (!there)
            fail("no allocate_there");
        std::free(there);
        dlclose(opened);
    } else if (std::strcmp(kind, "throw") == 0) {
        try {
            throw_from(10);
        } catch (const std::runtime_error &error) {
            if (std::strlen(error.what()) != 64)
                fail("another exception");
        }
    } else if (std::strcmp(kind, "fork") == 0) {
        pid_t child = fork();
        if (child == 0) {
            for (unsigned i = 0; i < 100; i++)
                std::free(std::malloc(100000));
            _exit(0);
        }
        int status;
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
            fail("a child has not ended well");
    }
}

static void work(const char *kind, unsigned seed)
{
    std::vector<block> blocks(200);
    uint64_t number = seed * 2654435769u + 1;
    while (!is_over) {
        for (unsigned i = 0; i < 100; i++) {
            number = number * 6364136223846793005u + 1442695040888963407u;
            replace(blocks[(number >> 33) % blocks.size()], number >> 20);
        }
        be_adverse(kind);
        rounds++;
    }
    for (block &held : blocks)
        if (held.bytes) {
            check(held);
            std::free(held.bytes);
        }
}

static _Unwind_Reason_Code count_frame(struct _Unwind_Context *, void *count)
{
    return ++*(unsigned *)count < 100 ? _URC_NO_REASON : _URC_END_OF_STACK;
}

static void on_prof(int) {}

static void on_prof_unwind(int)
{
    unsigned count = 0;
    _Unwind_Backtrace(count_frame, &count);
}

static void start_timer(void (*handler)(int))
{
    struct sigaction action = {};
    action.sa_handler = handler;
    action.sa_flags = SA_RESTART;
    sigaction(SIGPROF, &action, nullptr);
    struct itimerval every = {{0, 1000}, {0, 1000}};
    setitimer(ITIMER_PROF, &every, nullptr);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    const char *kind = argv[1];
    library = argv[2];
    unsigned count = 0;
    _Unwind_Backtrace(count_frame, &count); /* it may allocate the first time */
    if (std::strcmp(kind, "sigprof") == 0)
        start_timer(on_prof);
    if (std::strcmp(kind, "unwind") == 0)
        start_timer(on_prof_unwind);
    std::vector<std::thread> threads;
    for (unsigned i = 0; i < 8; i++)
        threads.emplace_back(work, kind, i);
    std::puts("ready");
    std::fflush(stdout);
    char byte;
    while (read(0, &byte, 1) < 0)
        continue;
    is_over = true;
    for (std::thread &thread : threads)
        thread.join();
    std::printf("rounds %lu\n", (unsigned long)rounds);
    return 0;
}
