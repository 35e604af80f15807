/* SPDX-License-Identifier: MIT */
/*
 * The live view. top.c collects figures and listens to keys, top_screen.c draws with ncurses.
 */
#ifndef HAK_CLI_TOP_H
#define HAK_CLI_TOP_H

#include "heap_view.h"

enum top_order { ORDER_RSS, ORDER_LIVE, ORDER_CACHED, ORDER_FREE, ORDER_NAME, ORDER_COUNT };

/* One process, as it was at the last look. */
struct top_process {
    pid_t pid;
    char program[64];
    char state; /* 0 in a core file */
    size_t threads;
    struct heap_terms terms;
    uint64_t last_live; /* of the look before; 0 when this is the first */
};

/* What is on the screen. */
struct top {
    pid_t only;       /* one process, or 0 for all */
    const char *core; /* or a core file, looked at as one process */
    bool is_chosen;   /* it was chosen from the list: going back is possible */
    enum top_order order;
    bool shows_threads;
    size_t selected; /* row of the list */
    double delay;
    struct top_process *processes;
    size_t count;
    size_t refused;              /* processes that may not be read */
    struct thread_view *threads; /* of the only one */
    size_t thread_count;
    char note[128]; /* shown in the last line for one look */
};

/* False when the terminal is of no kind that is known here. */
bool top_screen_begin(void);
void top_screen_end(void);
void top_screen_draw(const struct top *top);
/* Wait for a key; -1 when the time is over. */
int top_screen_key(double seconds);
/* A figure of a process or class by which rows are ordered, largest first. */
uint64_t top_figure(const struct heap_terms *terms, enum top_order order);

#endif
