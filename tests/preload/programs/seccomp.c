/* SPDX-License-Identifier: MIT */
/*
 * Owns a program that lives under seccomp filters. Its first argument says what it does:
 *
 *   exec MODE ACTION FILE COMMAND...   install a filter, then run the command. FILE has the numbers
 *                                      of system calls; MODE is allow (only these) or deny (all but
 *                                      these); ACTION is kill, trap, eperm or enosys. The command
 *                                      is given $SECCOMP_PRELOAD as LD_PRELOAD.
 *   work PARTS                         use the heap: s small blocks, b buffers, v a vector that
 *                                      grows to 48 MiB, w one to 20 MiB, t threads, f a forked
 *                                      child, i idle in between
 *   self LIST HOW                      the same after the program has confined itself by a known
 *                                      program's list, openssh, dhcpcd, chromium or strict. HOW is
 *                                      prctl, syscall, syscall-prctl, tsync or libseccomp.
 *   burst LIST MIB                     as self; then MIB are taken and freed. Resident memory and
 *                                      mappings are told before and after.
 *   race ROUNDS                        ROUNDS children with threads at work that are confined by
 *                                      TSYNC
 *   question                           ask for filters with no filter, as libseccomp does
 *
 * After a filter is in force it makes no system call of its own that the lists forbid.
 */
#define _GNU_SOURCE
#include "seccomp_lists.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
#define THREADS 4

static void say(const char *text)
{
    if (write(STDOUT_FILENO, text, strlen(text)) < 0)
        _exit(3);
}

static void die(const char *what)
{
    fprintf(stderr, "seccomp: %s: %s\n", what, strerror(errno));
    exit(2);
}

static void make_list(const char *name)
{
    if (strcmp(name, "openssh") == 0)
        list_openssh();
    else if (strcmp(name, "dhcpcd") == 0)
        list_dhcpcd();
    else if (strcmp(name, "chromium") == 0)
        list_chromium();
    else if (strcmp(name, "strict") != 0)
        die("no such list");
}

/* ---- ways to put it in force ---- */

#define SCMP_KILL_PROCESS 0x80000000U
#define SCMP_ALLOW 0x7fff0000U

/* The calls that have no condition, as libseccomp would put them in force. */
static void install_by_libseccomp(void)
{
    void *library = dlopen("libseccomp.so.2", RTLD_NOW);
    if (!library)
        exit(77);
    void *(*init)(uint32_t) = (void *(*)(uint32_t))dlsym(library, "seccomp_init");
    int (*add)(void *, uint32_t, int, unsigned, ...) = (int (*)(
        void *, uint32_t, int, unsigned, ...))dlsym(library, "seccomp_rule_add");
    int (*put_in_force)(void *) = (int (*)(void *))dlsym(library, "seccomp_load");
    void *context = init(SCMP_KILL_PROCESS);
    for (unsigned i = 0; i < plain_count; i++)
        add(context, SCMP_ALLOW, plain_numbers[i], 0);
    add(context, SCMP_ALLOW, SYS_mmap, 0);
    add(context, SCMP_ALLOW, SYS_mprotect, 0);
    if (put_in_force(context) != 0)
        die("seccomp_load");
}

static void install(const char *list, const char *how)
{
    struct sock_fprog program = {length, filter};
    bool is_strict = strcmp(list, "strict") == 0;
    long failed;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        die("no_new_privs");
    if (strcmp(how, "libseccomp") == 0) {
        install_by_libseccomp();
        return;
    }
    if (strcmp(how, "prctl") == 0)
        failed = is_strict ? prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT)
                           : prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
    else if (strcmp(how, "syscall-prctl") == 0)
        failed = is_strict ? syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_STRICT)
                           : syscall(SYS_prctl, PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
    else
        failed = is_strict
                     ? syscall(SYS_seccomp, SECCOMP_SET_MODE_STRICT, 0, NULL)
                     : syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                               strcmp(how, "tsync") == 0 ? SECCOMP_FILTER_FLAG_TSYNC : 0, &program);
    if (failed != 0)
        die("the filter is refused");
}

/* ---- the heap's work: every block is written to, and looked at when it is freed ---- */

static void *take(size_t size, unsigned char mark)
{
    unsigned char *block = malloc(size);
    if (!block)
        _exit(4);
    memset(block, mark, size);
    return block;
}

static void give(void *block, size_t size, unsigned char mark)
{
    unsigned char *bytes = block;
    if (bytes[0] != mark || bytes[size / 2] != mark || bytes[size - 1] != mark)
        _exit(5);
    free(block);
}

#define SMALL_COUNT 30000
static void *small_blocks[SMALL_COUNT];

static size_t small_size(unsigned i)
{
    return 16 + (i * 7919U) % 900;
}

static void work_small(void)
{
    for (unsigned i = 0; i < SMALL_COUNT; i++)
        small_blocks[i] = take(small_size(i), (unsigned char)i);
    for (unsigned i = 0; i < SMALL_COUNT; i += 1 + i % 3 / 2)
        if (small_blocks[i]) {
            give(small_blocks[i], small_size(i), (unsigned char)i);
            small_blocks[i] = NULL;
        }
}

static void work_small_end(void)
{
    for (unsigned i = 0; i < SMALL_COUNT; i++)
        if (small_blocks[i]) {
            give(small_blocks[i], small_size(i), (unsigned char)i);
            small_blocks[i] = NULL;
        }
}

static void work_buffers(void)
{
    for (unsigned round = 0; round < 6; round++) {
        void *held[5];
        for (unsigned i = 0; i < 5; i++)
            held[i] = take(((size_t)65536 << i) - 100, (unsigned char)i);
        for (unsigned i = 0; i < 5; i++)
            give(held[i], ((size_t)65536 << i) - 100, (unsigned char)i);
    }
}

static void work_vector(size_t end)
{
    size_t *vector = NULL;
    size_t filled = 0;
    for (size_t size = 1000; size < end; size = size * 3 / 2) {
        vector = realloc(vector, size);
        if (!vector)
            _exit(4);
        for (; filled < size / sizeof(size_t); filled++)
            vector[filled] = filled;
    }
    for (size_t i = 0; i < filled; i += 101)
        if (vector[i] != i)
            _exit(5);
    free(vector);
}

static atomic_bool stop;
static atomic_uint at_work;

static void *run_thread(void *number)
{
    unsigned seed = (unsigned)(uintptr_t)number * 7919U + 1;
    atomic_fetch_add(&at_work, 1);
    do {
        void *held[200];
        size_t sizes[200];
        for (unsigned i = 0; i < 200; i++) {
            seed = seed * 1103515245U + 12345U;
            sizes[i] = 16 + (seed >> 16) % 900 + (i % 50 == 0 ? 200000 : 0);
            held[i] = take(sizes[i], (unsigned char)i);
        }
        for (unsigned i = 0; i < 200; i++)
            give(held[i], sizes[i], (unsigned char)i);
    } while (number && !atomic_load(&stop));
    return NULL;
}

static pthread_t threads[THREADS];

/* A thread's start makes calls of libc's that the lists do not allow: so wait until all have. */
static void start_threads(void)
{
    atomic_store(&stop, false);
    atomic_store(&at_work, 0);
    for (uintptr_t i = 0; i < THREADS; i++)
        if (pthread_create(&threads[i], NULL, run_thread, (void *)(i + 1)) != 0)
            _exit(6);
    while (atomic_load(&at_work) < THREADS)
        sched_yield();
}

static void end_threads(void)
{
    atomic_store(&stop, true);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static void rest(long ms)
{
    struct timespec time = {ms / 1000, ms % 1000 * 1000000};
    syscall(SYS_nanosleep, &time, NULL);
}

static void work_fork(void)
{
    int status;
    pid_t child = fork();
    if (child < 0)
        _exit(7);
    if (child == 0) {
        work_buffers();
        work_small();
        work_small_end();
        _exit(0);
    }
    if (waitpid(child, &status, 0) != child || status != 0)
        _exit(8);
}

static void work(const char *parts)
{
    for (; *parts; parts++) {
        switch (*parts) {
        case 's': work_small(); break;
        case 'b': work_buffers(); break;
        case 'v': work_vector(48 * MIB); break;
        case 'w': work_vector(20 * MIB); break;
        case 'i': rest(60); break;
        case 't':
            start_threads();
            rest(20);
            end_threads();
            break;
        case 'f': work_fork(); break;
        default: die("no such part of the work");
        }
    }
    work_small_end();
}

/* ---- exec, self, burst, race, question ---- */

static int exec_under(const char *mode, const char *action, const char *file, char **command)
{
    bool is_allow = strcmp(mode, "allow") == 0;
    unsigned verdict = strcmp(action, "kill") == 0    ? SECCOMP_RET_KILL_PROCESS
                       : strcmp(action, "trap") == 0  ? SECCOMP_RET_TRAP
                       : strcmp(action, "eperm") == 0 ? SECCOMP_RET_ERRNO | EPERM
                                                      : SECCOMP_RET_ERRNO | ENOSYS;
    FILE *in = fopen(file, "r");
    long number;
    if (!in)
        die(file);
    begin();
    while (fscanf(in, "%ld", &number) == 1)
        rule(number, is_allow ? SECCOMP_RET_ALLOW : verdict);
    answer(is_allow ? verdict : SECCOMP_RET_ALLOW);
    fclose(in);
    const char *preload = getenv("SECCOMP_PRELOAD");
    if (preload && *preload)
        setenv("LD_PRELOAD", preload, 1);
    install("exec", "prctl");
    execv(command[0], command);
    _exit(127);
}

/* In strict mode there is no call for memory: what has been freed before serves. */
static void work_strict(void)
{
    void *held[300];
    for (unsigned round = 0; round < 2000; round++) {
        for (unsigned i = 0; i < 300; i++)
            held[i] = take(100 + i % 3 * 50, (unsigned char)i);
        for (unsigned i = 0; i < 300; i++)
            give(held[i], 100 + i % 3 * 50, (unsigned char)i);
    }
}

static int self(const char *list, const char *how)
{
    bool has_threads = strcmp(how, "tsync") == 0;
    make_list(list);
    if (has_threads)
        start_threads();
    work("sbvw");
    if (strcmp(list, "strict") == 0) {
        work_small();
        install(list, how);
        work_strict();
        say("done\n");
        syscall(SYS_exit, 0);
    }
    install(list, how);
    work(strcmp(list, "dhcpcd") == 0 ? "sbwisbw" : "sbvisbv");
    if (has_threads) {
        rest(100);
        end_threads();
    } else if (strcmp(list, "chromium") == 0 && strcmp(how, "libseccomp") != 0) {
        work("t");
    }
    say("done\n");
    return 0;
}

static char text[1 << 20];

static size_t read_text(int fd)
{
    size_t used = 0;
    for (ssize_t got; used < sizeof text && (got = read(fd, text + used, sizeof text - used)) > 0;)
        used += (size_t)got;
    close(fd);
    text[used < sizeof text ? used : used - 1] = '\0';
    return used;
}

/* The second figure of /proc/self/statm, in MiB, and the lines of /proc/self/maps. */
static void tell(const char *when, int statm, int maps)
{
    char line[100];
    size_t mappings = 0, bytes;
    read_text(statm);
    size_t resident = strtoul(strchr(text, ' '), NULL, 10) * 4096 / MIB;
    bytes = read_text(maps);
    for (size_t i = 0; i < bytes; i++)
        mappings += text[i] == '\n';
    snprintf(line, sizeof line, "%s_rss=%zu %s_maps=%zu\n", when, resident, when, mappings);
    say(line);
}

static int burst(const char *list, size_t bytes)
{
    static void *blocks[400000];
    int statm[2], maps[2];
    for (unsigned i = 0; i < 2; i++) {
        statm[i] = open("/proc/self/statm", O_RDONLY);
        maps[i] = open("/proc/self/maps", O_RDONLY);
    }
    make_list(list);
    work("sb");
    install(list, "prctl");
    unsigned count = 0;
    for (size_t taken = 0; taken < bytes && count < 400000; taken += small_size(count), count++)
        blocks[count] = take(small_size(count), (unsigned char)count);
    tell("peak", statm[0], maps[0]);
    for (unsigned i = 0; i < count; i++)
        if (i % 1000 != 0)
            give(blocks[i], small_size(i), (unsigned char)i);
    for (unsigned i = 0; i < 20; i++) {
        rest(100);
        for (unsigned j = 0; j < 2000; j++)
            give(take(3000, 1), 3000, 1);
        work_buffers();
    }
    tell("end", statm[1], maps[1]);
    for (unsigned i = 0; i < count; i += 1000)
        give(blocks[i], small_size(i), (unsigned char)i);
    return 0;
}

static int race(int rounds)
{
    for (int round = 0; round < rounds; round++) {
        int status;
        pid_t child = fork();
        if (child < 0)
            die("fork");
        if (child == 0) {
            list_openssh();
            start_threads();
            usleep((useconds_t)(round % 20) * 500);
            install("openssh", "tsync");
            work_buffers();
            rest(3);
            _exit(0);
        }
        if (waitpid(child, &status, 0) != child || status != 0) {
            fprintf(stderr, "seccomp: race: round %d ended with status %x\n", round, status);
            return 1;
        }
    }
    return 0;
}

static int question(void)
{
    errno = 0;
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL) != -1 || errno != EFAULT ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, NULL) != -1 || errno != EFAULT)
        return 1;
    work("sbvsbv");
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    if (strcmp(what, "exec") == 0 && argc > 5)
        return exec_under(argv[2], argv[3], argv[4], argv + 5);
    if (strcmp(what, "work") == 0 && argc == 3) {
        work(argv[2]);
        return 0;
    }
    if (strcmp(what, "self") == 0 && argc == 4)
        return self(argv[2], argv[3]);
    if (strcmp(what, "burst") == 0 && argc == 4)
        return burst(argv[2], strtoul(argv[3], NULL, 10) * MIB);
    if (strcmp(what, "race") == 0 && argc == 3)
        return race(atoi(argv[2]));
    if (strcmp(what, "question") == 0)
        return question();
    fprintf(stderr, "seccomp: what is '%s'?\n", what);
    return 2;
}
