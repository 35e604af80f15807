/* SPDX-License-Identifier: MIT */
/*
 * The live view. top.c listens to keys, top_process.c looks at one process, top_looks.c at all,
 * top_screen.c draws with ncurses.
 */
#ifndef HAK_CLI_TOP_H
#define HAK_CLI_TOP_H

#include "heap/terms.h"

enum top_order { ORDER_RSS, ORDER_LIVE, ORDER_CACHED, ORDER_FREE, ORDER_NAME, ORDER_COUNT };

/* One process, as it was at the last look. */
struct top_process {
    pid_t pid;
    char program[64];
    char command[256]; /* its command line, printable; "" for none */
    char state;        /* 0 in a core file */
    size_t threads;
    struct heap_terms terms;
    uint64_t last_live; /* of the look before; 0 when this is the first */
    char trouble[320];  /* why it is not readable; then only pid, program and command count */
    bool is_refused;    /* it may not be read; whether it is on the allocator is not known */
};

/* What a look at a process came to. */
struct look_result {
    struct top_process *process;
    bool is_refused; /* it may not be read */
    bool is_damaged; /* its heap contradicts itself */
    char error[320];
};

/* What is on the screen. */
struct top {
    pid_t only;       /* one process, or 0 for all */
    const char *core; /* or a core file, looked at as one process */
    bool is_chosen;   /* it was chosen from the list: going back is possible */
    enum top_order order;
    bool shows_threads;
    bool shows_refused;
    size_t selected; /* row of the list */
    double delay;
    struct top_process *processes;
    size_t count;
    size_t refused;              /* processes that may not be read, shown or not */
    struct thread_view *threads; /* of the only one */
    size_t thread_count;
    char note[128]; /* shown in the last line for one look */
};

/* ---- top_process.c ---- */

/* Is the view about one process, or a core file? */
bool top_is_one(const struct top *top);
/* Look at one process, or at the core file. False: it has no HAKMEM, or ended, or cannot be
 * read. */
bool top_look_at(struct top *top, pid_t pid, struct look_result *result);
/* The name of a process; false when it has ended. */
bool top_read_name(struct top_process *process);
/* The name and the command line of a process, as far as they can be had. */
void top_read_words(struct top_process *process);
/* A figure of a process or class by which rows are ordered, largest first. */
uint64_t top_figure(const struct heap_terms *terms, enum top_order order);

/* ---- top_looks.c ---- */

/* Bring the list of all processes up to date, within two seconds. */
void top_look_at_all(struct top *top);
void top_forget_all(void);

/* ---- top_screen.c ---- */

/* False when the terminal is of no kind that is known here. */
bool top_screen_begin(void);
void top_screen_end(void);
void top_screen_draw(const struct top *top);
/* Wait for a key; -1 when the time is over. */
int top_screen_key(double seconds);

#endif
