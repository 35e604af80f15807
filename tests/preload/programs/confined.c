/* SPDX-License-Identifier: MIT */
/*
 * Owns a program for a control group with a limit. What it does is its first argument:
 *
 *   shift MIB ROUNDS   in each round MIB of blocks of another size, of which one in 64 stays:
 *                      little is live, all of it in slabs that other sizes cannot use
 *   leak               take blocks until there are no more; then, for each line on standard input,
 *                      "more": until there is one more, and on, "less": free half
 *   grow MIB           take MIB, then for a line of input 1 MiB every 100 ms, until refused
 *   idle MIB SECONDS   take MIB, free it, call nothing, and look for so long whether it goes back
 *
 * Each block is written to. Each step is told in a line on standard output.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)
#define COUNT_MAX ((size_t)1 << 22)
#define STEP_US 10000
#define TRIES 60000 /* 10 minutes: what comes later hangs */
#define GROW_US 100000

static char *blocks[COUNT_MAX];
static char *pins[COUNT_MAX];
/* Read anew after each malloc: its handler may change it, which the compiler does not expect. */
static volatile size_t count;

/* A figure of /proc/self/status, in bytes. */
static size_t status(const char *name)
{
    char line[256];
    size_t kib = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, name, strlen(name)) == 0)
            kib = strtoul(line + strlen(name), NULL, 10);
    if (!file || kib == 0) {
        fprintf(stderr, "confined: no %s in /proc/self/status\n", name);
        exit(1);
    }
    fclose(file);
    return kib << 10;
}

static bool take(size_t size)
{
    errno = 0;
    char *block = count < COUNT_MAX ? malloc(size) : NULL;
    if (!block)
        return false;
    memset(block, 1, size);
    blocks[count] = block;
    count = count + 1;
    return true;
}

static void free_down_to(size_t kept)
{
    while (count > kept) {
        count = count - 1;
        free(blocks[count]);
    }
}

/* ---- shift ---- */

static int shift(size_t bytes, int rounds)
{
    size_t kept = 0, live = 0;
    for (int round = 0; round < rounds; round++) {
        size_t size = 1000 + 700 * (size_t)round;
        for (size_t taken = 0; taken < bytes; taken += size)
            if (!take(size))
                return 1;
        while (count > 0) {
            count = count - 1;
            char *block = blocks[count];
            if (count % 64 == 0) {
                pins[kept++] = block;
                live += size;
            } else {
                free(block);
            }
        }
    }
    printf("live=%zu peak_rss=%zu\n", (live + bytes) / MIB, status("VmHWM:") / MIB);
    return 0;
}

/* ---- leak ---- */

#define LEAK_BLOCK (64 * 1024)

static size_t asked;

/* Frees 10 MiB at its first call. */
static bool on_limit(size_t wanted, void *context)
{
    size_t *calls = context;
    if (wanted == 0 || ++*calls > 1)
        return false;
    free_down_to(count - 10 * MIB / LEAK_BLOCK);
    return true;
}

static void take_all(const char *what)
{
    while (take(LEAK_BLOCK)) {
    }
    printf("%s: held=%zu handler=%zu errno=%s\n", what, count * LEAK_BLOCK / MIB, asked,
           errno == ENOMEM ? "ENOMEM" : strerror(errno));
    fflush(stdout);
}

static int leak(void)
{
    void (*set_handler)(bool (*)(size_t, void *), void *);
    *(void **)&set_handler = dlsym(RTLD_DEFAULT, "hak_on_limit");
    if (!set_handler)
        return 1;
    set_handler(on_limit, &asked);
    take_all("leak");
    for (char line[16]; fgets(line, sizeof line, stdin);) {
        if (strcmp(line, "less\n") == 0)
            free_down_to(count / 2);
        usleep(20 * STEP_US); /* an epoch passes, in which the limit is looked at */
        for (int tries = 0; tries < TRIES && !take(LEAK_BLOCK); tries++)
            usleep(STEP_US);
        line[strcspn(line, "\n")] = '\0';
        take_all(line);
    }
    return 0;
}

/* ---- grow ---- */

static int grow(size_t bytes)
{
    char line[16];
    while (count * MIB < bytes && take(MIB)) {
    }
    printf("held=%zu\n", count);
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin))
        return 1;
    while (take(MIB))
        usleep(GROW_US);
    printf("held=%zu errno=%s\n", count, errno == ENOMEM ? "ENOMEM" : strerror(errno));
    return 0;
}

/* ---- idle ---- */

static int idle(size_t bytes, int seconds)
{
    while (count * LEAK_BLOCK < bytes && take(LEAK_BLOCK)) {
    }
    free_down_to(0);
    int looks = seconds * 1000000 / STEP_US;
    while (looks > 0 && status("VmRSS:") > bytes / 4) {
        usleep(STEP_US);
        looks--;
    }
    printf("%s\n", looks > 0 ? "returned" : "kept");
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    size_t bytes = argc > 2 ? strtoul(argv[2], NULL, 10) * MIB : 0;
    int number = argc > 3 ? atoi(argv[3]) : 0;
    if (strcmp(what, "shift") == 0)
        return shift(bytes, number);
    if (strcmp(what, "leak") == 0)
        return leak();
    if (strcmp(what, "grow") == 0)
        return grow(bytes);
    if (strcmp(what, "idle") == 0)
        return idle(bytes, number);
    fprintf(stderr, "confined: what is '%s'?\n", what);
    return 2;
}
