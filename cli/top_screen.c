/* SPDX-License-Identifier: MIT */
/*
 * Draws the live view with ncurses: the list of processes, or one process's terms, size classes and
 * threads. Called by top.c; knows nothing of targets.
 */
#include <inttypes.h>
#include <locale.h>
#include <ncurses.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "stats.h"
#include "top.h"

static SCREEN *screen;

bool top_screen_begin(void)
{
    setlocale(LC_CTYPE, "");
    screen = newterm(NULL, stdout, stdin);
    if (!screen)
        return false;
    def_prog_mode();
    cbreak();
    noecho();
    keypad(stdscr, TRUE);
    curs_set(0);
    ESCDELAY = 50;
    return true;
}

void top_screen_end(void)
{
    endwin();
    delscreen(screen);
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

/* One line, cut at the screen's edge: a row that went on in the next line would hide another. */
static void __attribute__((format(printf, 3, 4)))
put_line(int line, chtype attributes, const char *format, ...)
{
    char text[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    attron(attributes);
    mvaddnstr(line, 0, text, COLS);
    attroff(attributes);
}

/* ---- all processes ---- */

/* Narrower screens do without the change. */
#define WIDE 92

static const char *const order_names[ORDER_COUNT] = {"RSS", "live", "cached", "free", "name"};

static const char *state_word(char state)
{
    if (state == 0)
        return "core file";
    return state == 'T' || state == 't' ? "stopped" : state == 'R' ? "runs" : "sleeps";
}

/* By how much the live bytes have changed since the last look. */
static struct short_text change_of(const struct top_process *process)
{
    struct short_text text = {""};
    uint64_t live = top_figure(&process->terms, ORDER_LIVE);
    bool is_more = live > process->last_live;
    if (process->last_live == 0 || process->last_live == live)
        return text;
    uint64_t change = is_more ? live - process->last_live : process->last_live - live;
    snprintf(text.bytes, sizeof text.bytes, "%c%.20s", is_more ? '+' : '-',
             text_of_size(change).bytes);
    return text;
}

/* With a mark where the terms do not add up to it. */
static struct short_text rss_of(const struct top_process *process)
{
    struct short_text text;
    snprintf(text.bytes, sizeof text.bytes, "%s%.20s", process->terms.unexplained ? "~" : "",
             text_of_size(process->terms.rss).bytes);
    return text;
}

static void draw_row(int line, chtype attributes, const struct top_process *process)
{
    char change[16] = "";
    if (process->trouble[0]) {
        /* the row names the process: what follows says what is wrong */
        const char *why = strstr(process->trouble, "): ");
        put_line(line, attributes, "%7d %-15.15s not readable: %s", (int)process->pid,
                 process->program, why ? why + 3 : process->trouble);
        return;
    }
    if (COLS >= WIDE)
        snprintf(change, sizeof change, " %11.13s", change_of(process).bytes);
    put_line(line, attributes, "%7d %-15.15s %-7s %4zu %10s %10s%s %10s %10s", (int)process->pid,
             process->program, state_word(process->state), process->threads, rss_of(process).bytes,
             text_of_size(top_figure(&process->terms, ORDER_LIVE)).bytes, change,
             text_of_size(top_figure(&process->terms, ORDER_CACHED)).bytes,
             text_of_size(top_figure(&process->terms, ORDER_FREE)).bytes);
}

static void draw_list(const struct top *top)
{
    char refused[48] = "";
    if (top->refused > 0)
        snprintf(refused, sizeof refused, "; %zu may not be read", top->refused);
    put_line(0, A_NORMAL, "hakmem top: %zu process%s on the allocator, by %s%s", top->count,
             top->count == 1 ? "" : "es", order_names[top->order], refused);
    put_line(2, A_REVERSE, "%7s %-15s %-7s %4s %10s %10s%s %10s %10s", "PID", "program", "state",
             "thr", "RSS", "live", COLS >= WIDE ? "      change" : "", "cached", "free");
    size_t rows = LINES > 5 ? (size_t)LINES - 5 : 1;
    size_t first = top->selected >= rows ? top->selected - rows + 1 : 0;
    for (size_t i = first; i < top->count && i < first + rows; i++)
        draw_row(3 + (int)(i - first), i == top->selected ? A_BOLD : A_NORMAL, &top->processes[i]);
}

/* ---- one process ---- */

#define BAR_LEFT 49
#define BAR_WIDTH 28

static int draw_terms(const struct top_process *process, int line)
{
    struct term rows[TERM_COUNT];
    const struct heap_terms *terms = &process->terms;
    stats_terms(terms, rows);
    double all = terms->rss ? (double)terms->rss : 1;
    for (size_t i = 0; i < TERM_COUNT; i++, line++) {
        put_line(line, A_NORMAL, "%c %-27s %10s %7s", i ? '+' : '=', rows[i].label,
                 text_of_size(rows[i].bytes).bytes,
                 text_of_percent((double)rows[i].bytes, all).bytes);
        int width = (int)((double)rows[i].bytes / all * BAR_WIDTH + 0.5);
        for (int x = 0; x < width && x < BAR_WIDTH && BAR_LEFT + x < COLS; x++)
            mvaddch(line, BAR_LEFT + x, ' ' | A_REVERSE);
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
    put_line(line++, A_REVERSE, "%10s %10s %11s %11s %11s %11s", "size", "blocks", "live", "cached",
             "free", "addresses");
    for (size_t i = 0; i < count && line < LINES - 1; i++, line++) {
        uint64_t cached = order[i]->resident[BLOCK_IN_THREAD] + order[i]->resident[BLOCK_IN_DEPOT];
        put_line(line, A_NORMAL, "%10" PRIu32 " %10" PRIu64 " %11s %11s %11s %11s", order[i]->size,
                 order[i]->blocks[BLOCK_LIVE], text_of_size(order[i]->resident[BLOCK_LIVE]).bytes,
                 text_of_size(cached).bytes, text_of_size(order[i]->resident[BLOCK_FREE]).bytes,
                 text_of_size(order[i]->mapped).bytes);
    }
}

static void draw_threads(const struct top *top, int line)
{
    put_line(line++, A_REVERSE, "%10s %10s %11s %11s  %-15s", "thread", "cached", "bytes",
             "may hold", "name");
    for (size_t i = 0; i < top->thread_count && line < LINES - 1; i++, line++)
        put_line(line, A_NORMAL, "%10" PRIu32 " %10" PRIu64 " %11s %11s  %s",
                 top->threads[i].thread_id, top->threads[i].blocks,
                 text_of_size(top->threads[i].bytes).bytes,
                 text_of_size(top->threads[i].granted).bytes, top->threads[i].name);
}

static void draw_process(const struct top *top)
{
    const struct top_process *process = &top->processes[0];
    put_line(0, A_NORMAL, "hakmem top: %s [%d], %s, %zu thread%s, %s %s", process->program,
             (int)process->pid, state_word(process->state), process->threads,
             process->threads == 1 ? "" : "s", top->core ? "pages with content" : "RSS",
             rss_of(process).bytes);
    int line = draw_terms(process, 1) + 1;
    if (top->shows_threads)
        draw_threads(top, line);
    else
        draw_classes(top, line);
}

void top_screen_draw(const struct top *top)
{
    erase();
    if (top->count == 1 && (top->core || top->processes[0].pid == top->only))
        draw_process(top);
    else
        draw_list(top);
    put_line(LINES - 1, A_DIM, "%s",
             top->note[0]             ? top->note
             : top->only || top->core ? "r l c f n order  t threads  b back  q quit"
                                      : "r l c f n order  j k Enter select  q quit");
    refresh();
}
