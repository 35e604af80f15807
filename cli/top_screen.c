/* SPDX-License-Identifier: MIT */
/*
 * Draws the live view with ncurses: the list of processes, or one process's terms, size classes and
 * threads. Called by top.c; knows nothing of targets.
 */
#include <inttypes.h>
#include <locale.h>
#include <ncurses.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "stats.h"
#include "top.h"

void top_screen_begin(void)
{
    setlocale(LC_CTYPE, "");
    initscr();
    cbreak();
    noecho();
    keypad(stdscr, TRUE);
    curs_set(0);
    ESCDELAY = 50;
}

void top_screen_end(void)
{
    endwin();
}

int top_screen_key(double seconds)
{
    timeout((int)(seconds * 1000) + 1);
    int key = getch();
    switch (key) {
    case ERR: return -1;
    case KEY_UP: return 'k';
    case KEY_DOWN: return 'j';
    case KEY_ENTER:
    case '\r': return '\n';
    case KEY_LEFT:
    case KEY_BACKSPACE:
    case 27: return 'b';
    default: return key;
    }
}

/* ---- all processes ---- */

static const char *const order_names[ORDER_COUNT] = {"RSS", "live", "cached", "free", "name"};

static const char *state_word(char state)
{
    return state == 'T' || state == 't' ? "stopped" : state == 'R' ? "runs" : "sleeps";
}

static void draw_change(const struct top_process *process)
{
    uint64_t live = process->terms.live + process->terms.rounding;
    if (process->last_live == 0 || process->last_live == live) {
        printw(" %11s", "");
        return;
    }
    bool is_more = live > process->last_live;
    uint64_t change = is_more ? live - process->last_live : process->last_live - live;
    char text[32];
    snprintf(text, sizeof text, "%c%s", is_more ? '+' : '-', text_of_size(change).bytes);
    printw(" %11s", text);
}

static void draw_list(const struct top *top)
{
    mvprintw(0, 0, "hakmem top: %zu process%s on the allocator, by %s", top->count,
             top->count == 1 ? "" : "es", order_names[top->order]);
    attron(A_REVERSE);
    mvprintw(2, 0, "%7s %-15s %-7s %4s %10s %10s %11s %10s %10s", "PID", "program", "state", "thr",
             "RSS", "live", "change", "cached", "free");
    attroff(A_REVERSE);
    size_t rows = LINES > 5 ? (size_t)LINES - 5 : 1;
    size_t first = top->selected >= rows ? top->selected - rows + 1 : 0;
    for (size_t i = first; i < top->count && i < first + rows; i++) {
        const struct top_process *process = &top->processes[i];
        if (i == top->selected)
            attron(A_BOLD);
        mvprintw(3 + (int)(i - first), 0, "%7d %-15.15s %-7s %4zu %10s %10s", (int)process->pid,
                 process->program, state_word(process->state), process->threads,
                 text_of_size(process->terms.rss).bytes,
                 text_of_size(top_figure(&process->terms, ORDER_LIVE)).bytes);
        draw_change(process);
        printw(" %10s %10s", text_of_size(top_figure(&process->terms, ORDER_CACHED)).bytes,
               text_of_size(top_figure(&process->terms, ORDER_FREE)).bytes);
        attroff(A_BOLD);
    }
}

/* ---- one process ---- */

#define BAR_WIDTH 28

static int draw_terms(const struct top_process *process, int line)
{
    struct term rows[TERM_COUNT];
    const struct heap_terms *terms = &process->terms;
    stats_terms(terms, rows);
    double all = terms->rss ? (double)terms->rss : 1;
    for (size_t i = 0; i < TERM_COUNT; i++, line++) {
        mvprintw(line, 0, "%c %-27s %10s %7s ", i ? '+' : '=', rows[i].label,
                 text_of_size(rows[i].bytes).bytes,
                 text_of_percent((double)rows[i].bytes, all).bytes);
        int width = (int)((double)rows[i].bytes / all * BAR_WIDTH + 0.5);
        attron(A_REVERSE);
        for (int x = 0; x < width && x < BAR_WIDTH; x++)
            addch(' ');
        attroff(A_REVERSE);
    }
    return line;
}

static enum top_order class_order;

static uint64_t class_figure(const struct class_terms *figures)
{
    switch (class_order) {
    case ORDER_CACHED:
        return figures->resident[BLOCK_IN_THREAD] + figures->resident[BLOCK_IN_DEPOT];
    case ORDER_FREE: return figures->resident[BLOCK_FREE];
    case ORDER_NAME: return UINT32_MAX - figures->size;
    case ORDER_LIVE: return figures->resident[BLOCK_LIVE];
    default:
        return figures->resident[BLOCK_LIVE] + figures->resident[BLOCK_FREE] +
               figures->resident[BLOCK_IN_THREAD] + figures->resident[BLOCK_IN_DEPOT];
    }
}

static int compare_classes(const void *a, const void *b)
{
    uint64_t left = class_figure(*(const struct class_terms *const *)a);
    uint64_t right = class_figure(*(const struct class_terms *const *)b);
    return (left < right) - (left > right);
}

static void draw_classes(const struct top *top, int line)
{
    const struct heap_terms *terms = &top->processes[0].terms;
    const struct class_terms *order[CLASS_ACE_LAST + 1];
    size_t count = 0;
    for (unsigned c = CLASS_FIRST; c <= CLASS_ACE_LAST; c++)
        if (terms->classes[c].extents > 0)
            order[count++] = &terms->classes[c];
    class_order = top->order;
    qsort(order, count, sizeof order[0], compare_classes);
    attron(A_REVERSE);
    mvprintw(line++, 0, "%10s %10s %11s %11s %11s %11s", "size", "blocks", "live", "cached", "free",
             "addresses");
    attroff(A_REVERSE);
    for (size_t i = 0; i < count && line < LINES - 1; i++, line++) {
        uint64_t cached = order[i]->resident[BLOCK_IN_THREAD] + order[i]->resident[BLOCK_IN_DEPOT];
        mvprintw(line, 0, "%10" PRIu32 " %10" PRIu64 " %11s %11s %11s %11s", order[i]->size,
                 order[i]->blocks[BLOCK_LIVE], text_of_size(order[i]->resident[BLOCK_LIVE]).bytes,
                 text_of_size(cached).bytes, text_of_size(order[i]->resident[BLOCK_FREE]).bytes,
                 text_of_size(order[i]->mapped).bytes);
    }
}

static void draw_threads(const struct top *top, int line)
{
    attron(A_REVERSE);
    mvprintw(line++, 0, "%10s %10s %11s %11s", "thread", "cached", "bytes", "may hold");
    attroff(A_REVERSE);
    for (size_t i = 0; i < top->thread_count && line < LINES - 1; i++, line++)
        mvprintw(line, 0, "%10" PRIu32 " %10" PRIu64 " %11s %11s", top->threads[i].thread_id,
                 top->threads[i].blocks, text_of_size(top->threads[i].bytes).bytes,
                 text_of_size(top->threads[i].granted).bytes);
}

static void draw_process(const struct top *top)
{
    const struct top_process *process = &top->processes[0];
    mvprintw(0, 0, "hakmem top: %s [%d], %s, %zu thread%s, RSS %s", process->program,
             (int)process->pid, state_word(process->state), process->threads,
             process->threads == 1 ? "" : "s", text_of_size(process->terms.rss).bytes);
    int line = draw_terms(process, 1) + 1;
    if (top->shows_threads)
        draw_threads(top, line);
    else
        draw_classes(top, line);
}

void top_screen_draw(const struct top *top)
{
    erase();
    if (top->only && top->count == 1 && top->processes[0].pid == top->only)
        draw_process(top);
    else
        draw_list(top);
    attron(A_DIM);
    mvprintw(LINES - 1, 0, "%s",
             top->note[0] ? top->note
             : top->only  ? "r l c f n order  t threads  b back  q quit"
                          : "r l c f n order  j k Enter select  q quit");
    attroff(A_DIM);
    refresh();
}
