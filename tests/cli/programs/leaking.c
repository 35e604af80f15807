/* SPDX-License-Identifier: MIT */
/*
 * A program whose leaks are known, by words: "lost" 2 blocks of 100 bytes, to which nothing leads;
 * "list" a lost list of 10 nodes of 48 bytes, that lead to each other; "ring" 4 lost nodes in a
 * ring; "global" a list of 5 nodes that begins in static data; "inner" a block to whose middle a
 * global leads; "past" a block of which a global has only the address behind its end; "thread" a
 * block that only the stack of a waiting thread has, "register" one that only its registers have;
 * "exit" leaves a block to a caller of exit(), "main" one to main, which returns; "span" a lost
 * block of 300 KiB and a Huge one that a global leads to, which leads to a third; "status" ends
 * with 7; "fork" has a child that loses a block of 555 bytes; "busy" has threads that allocate all
 * the time, under a timer's signals.
 */
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

struct node {
    struct node *next;
    char bytes[40];
};

struct node *kept; /* not static: they are never read */
char *inner;
char *past;
char *huge;
static sem_t is_ready;

static __attribute__((noinline)) void *filled(size_t size)
{
    void *block = malloc(size);
    memset(block, 1, size);
    return block;
}

__attribute__((noinline)) void lose_two(void)
{
    for (volatile int i = 0; i < 2; i++) /* one address, not two */
        filled(100);
}

static __attribute__((noinline)) struct node *make_list(int count)
{
    struct node *list = NULL;
    for (int i = 0; i < count; i++) {
        struct node *node = filled(sizeof *node);
        node->next = list;
        list = node;
    }
    return list;
}

__attribute__((noinline)) void lose_list(void)
{
    make_list(10);
}

__attribute__((noinline)) void lose_ring(void)
{
    struct node *first = make_list(4);
    struct node *last = first;
    while (last->next)
        last = last->next;
    last->next = first;
}

__attribute__((noinline)) void keep_global(void)
{
    kept = make_list(5);
}

__attribute__((noinline)) void keep_inner(void)
{
    inner = (char *)filled(600) + 300;
}

/* 512 is the size of a class: the block has no byte behind. */
__attribute__((noinline)) void lose_past(void)
{
    past = (char *)filled(512) + 512;
}

__attribute__((noinline)) void lose_span(void)
{
    filled(300 << 10);
}

__attribute__((noinline)) void keep_huge(void)
{
    huge = filled(5 << 20);
    kept = filled(sizeof *kept);
    memcpy(huge + (3 << 20), &kept, sizeof kept);
    kept = NULL;
}

static __attribute__((noinline)) void *keep_on_stack(void *unused)
{
    struct node *volatile own = filled(777);
    sem_post(&is_ready);
    pause();
    return unused ? unused : own;
}

/* Overwrites what calls before have left on the stack. */
static __attribute__((noinline)) void clear_stack(void)
{
    volatile char bytes[16384];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = 0;
}

/* The system call keeps this register, and nothing else has the address. */
static __attribute__((noinline)) void *keep_in_register(void *unused)
{
    void *block = filled(888);
#ifdef __x86_64__
    long number = SYS_pause;
    register void *own __asm__("r12") = block;
    block = NULL;
    sem_post(&is_ready);
    clear_stack();
    __asm__ volatile("syscall" : "+a"(number), "+r"(own) : : "rcx", "r11", "memory");
    return own;
#else
    struct node *volatile own = block;
    sem_post(&is_ready);
    pause();
    return unused ? unused : own;
#endif
    return unused;
}

static void start(void *(*run)(void *))
{
    pthread_t thread;
    sem_init(&is_ready, 0, 0);
    pthread_create(&thread, NULL, run, NULL);
    sem_wait(&is_ready);
    usleep(1000);
}

static void *keep_busy(void *unused)
{
    void *blocks[100] = {NULL};
    for (unsigned random = 1;; random = random * 1103515245 + 12345) {
        unsigned at = (random >> 8) % 100;
        free(blocks[at]);
        blocks[at] = filled(16 + (random >> 16) % 500);
        if (at == 0)
            sem_post(&is_ready);
    }
    return unused;
}

static void get_signal(int number)
{
    (void)number;
}

static void make_busy(void)
{
    const struct itimerval often = {{0, 1000}, {0, 1000}};
    signal(SIGPROF, get_signal);
    setitimer(ITIMER_PROF, &often, NULL);
    for (int i = 0; i < 4; i++)
        start(keep_busy);
}

static __attribute__((noinline)) void leave(void)
{
    struct node *volatile own = filled(999);
    exit(own ? 0 : 1);
}

static void lose_in_child(void)
{
    if (fork() == 0) {
        filled(555);
        exit(0);
    }
    wait(NULL);
}

int main(int argc, char **argv)
{
    int status = 0;
    void *volatile own[200] = {NULL};
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (strcmp(word, "lost") == 0)
            lose_two();
        else if (strcmp(word, "list") == 0)
            lose_list();
        else if (strcmp(word, "ring") == 0)
            lose_ring();
        else if (strcmp(word, "global") == 0)
            keep_global();
        else if (strcmp(word, "inner") == 0)
            keep_inner();
        else if (strcmp(word, "past") == 0)
            lose_past();
        else if (strcmp(word, "span") == 0)
            lose_span(), keep_huge();
        else if (strcmp(word, "thread") == 0)
            start(keep_on_stack);
        else if (strcmp(word, "register") == 0)
            start(keep_in_register);
        else if (strcmp(word, "busy") == 0)
            make_busy();
        else if (strcmp(word, "fork") == 0)
            lose_in_child();
        else if (strcmp(word, "main") == 0)
            for (size_t j = 0; j < 200; j++) /* what comes later overwrites not all of them */
                own[j] = j ? own[0] : filled(444);
        else if (strcmp(word, "status") == 0)
            status = 7;
        clear_stack();
        if (strcmp(word, "exit") == 0)
            leave();
        if (strcmp(word, "_exit") == 0)
            _exit(0);
    }
    return status;
}
