/* SPDX-License-Identifier: MIT */
/*
 * The live view. top.c reads keys, top_process.c reads one process, top_looks.c all, and
 * top_screen.c and top_sites_screen.c draw with ncurses; top_sites.c reads profiles.
 */
#ifndef HAK_CLI_TOP_H
#define HAK_CLI_TOP_H

#include "heap/terms.h"
#include "look/top_sites.h"

enum top_order { ORDER_RSS, ORDER_LIVE, ORDER_CACHED, ORDER_FREE, ORDER_NAME, ORDER_COUNT };

/* One process, as it was at the last look. */
struct top_process {
    pid_t pid;
    char program[64];
    char command[256]; /* its command line, printable; "" for none */
    char state;        /* 0 in a core file */
    size_t threads;
    struct heap_terms terms;
    uint64_t last_live; /* at the look before; 0 at the first */
    char trouble[320];  /* why it cannot be read; then only pid, program and command are set */
    bool is_refused;    /* reading it is not permitted; it is not known whether it uses HAKMEM */
};

/* The result of a look at a process. */
struct look_result {
    struct top_process *process;
    bool is_refused; /* reading it is not permitted */
    bool is_damaged; /* its heap contradicts itself */
    char error[320];
};

/* The state of the screen. */
struct top {
    pid_t only;       /* one process, or 0 for all */
    const char *core; /* or a core file, shown as one process */
    bool is_chosen;   /* it was chosen from the list, so the user can go back */
    enum top_order order;
    bool shows_threads;
    bool shows_sites;   /* of the only process: the call stacks that asked for its memory */
    enum figure figure; /* by which the stacks are sorted */
    size_t site_first;  /* the first one on the screen */
    struct top_sites sites;
    bool shows_refused;
    size_t selected; /* row of the list */
    double delay;
    struct top_process *processes;
    size_t count;
    size_t refused;              /* processes that the user may not read, shown or not */
    struct thread_view *threads; /* the threads of the only process */
    size_t thread_count;
    char note[128]; /* shown in the last line until the next look */
};

/* ---- top_process.c ---- */

/* Does the view show one process, or a core file? */
bool top_is_one(const struct top *top);
/* Read one process, or the core file. False if it has no HAKMEM, has ended, or cannot be read. */
bool top_look_at(struct top *top, pid_t pid, struct look_result *result);
/* Read the name of a process; false if it has ended. */
bool top_read_name(struct top_process *process);
/* Read the name and the command line of a process, as far as possible. */
void top_read_words(struct top_process *process);
/* A figure of a process or class by which rows are sorted, the largest first. */
uint64_t top_figure(const struct heap_terms *terms, enum top_order order);

/* ---- top_looks.c ---- */

/* Read all processes again, within two seconds. */
void top_look_at_all(struct top *top);
void top_forget_all(void);

/* ---- top_screen.c ---- */

/* Begin. False if the kind of the terminal is not known. */
bool top_screen_begin(void);
void top_screen_end(void);
void top_screen_draw(const struct top *top);
/* Wait for a key; -1 if the time is over. */
int top_screen_key(double seconds);

#endif
