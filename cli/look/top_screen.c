/* SPDX-License-Identifier: MIT */
/*
 * Draws the live view with ncurses: the list of processes, or one process's terms, size classes and
 * threads. Knows nothing of targets.
 */
#include <inttypes.h>
#include <locale.h>
#include <ncurses.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "look/stats_terms.h"
#include "look/top.h"
#include "look/top_lines.h"

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

static const char *plural(size_t count)
{
    return count == 1 ? "" : "s";
}

/* ---- all processes ---- */

static const char *const order_names[ORDER_COUNT] = {"RSS", "live", "cached", "free", "name"};

enum column {
    COLUMN_PID,
    COLUMN_STATE,
    COLUMN_THREADS,
    COLUMN_RSS,
    COLUMN_LIVE,
    COLUMN_CHANGE,
    COLUMN_CACHED,
    COLUMN_FREE,
    COLUMN_COUNT
};

static const struct {
    const char *title;
    int width;
} columns[COLUMN_COUNT] = {
    [COLUMN_PID] = {"PID", 7},        [COLUMN_STATE] = {"state", -7},
    [COLUMN_THREADS] = {"thr", 4},    [COLUMN_RSS] = {"RSS", 10},
    [COLUMN_LIVE] = {"live", 10},     [COLUMN_CHANGE] = {"change", 11},
    [COLUMN_CACHED] = {"cached", 10}, [COLUMN_FREE] = {"free", 10},
};

/* The command comes after the columns: at least this many characters of it should be visible. */
#define COMMAND_LEAST 15

/* Which columns a screen shows, one bit for each: a narrow screen leaves out the least
 * important. */
static unsigned shown_columns(void)
{
    static const enum column drop[] = {COLUMN_CHANGE, COLUMN_THREADS, COLUMN_STATE, COLUMN_CACHED,
                                       COLUMN_FREE,   COLUMN_LIVE,    COLUMN_RSS};
    unsigned shown = (1U << COLUMN_COUNT) - 1;
    int width = COMMAND_LEAST;
    for (unsigned i = 0; i < COLUMN_COUNT; i++)
        width += abs(columns[i].width) + 1;
    for (size_t i = 0; i < sizeof drop / sizeof drop[0] && width > COLS; i++) {
        shown &= ~(1U << drop[i]);
        width -= abs(columns[drop[i]].width) + 1;
    }
    return shown;
}

static void draw_cells(int at, chtype attributes, const char *const cells[COLUMN_COUNT],
                       const char *command)
{
    struct top_line line = {.width = 0};
    unsigned shown = shown_columns();
    for (unsigned i = 0; i < COLUMN_COUNT; i++)
        if (shown >> i & 1)
            top_add_field(&line, columns[i].width, cells[i]);
    top_put_line(at, attributes, "%s %s", line.text, command);
}

static const char *state_word(char state)
{
    if (state == 0)
        return "core file";
    return state == 'T' || state == 't' ? "stopped" : state == 'R' ? "runs" : "sleeps";
}

/* The change of the live bytes since the last look. */
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

/* The RSS, with a mark if the terms do not add up to it. */
static struct short_text rss_of(const struct top_process *process)
{
    struct short_text text;
    snprintf(text.bytes, sizeof text.bytes, "%s%.20s", process->terms.unexplained ? "~" : "",
             text_of_size(process->terms.rss).bytes);
    return text;
}

static void draw_figures(int line, chtype attributes, const struct top_process *process,
                         const char *const words[3])
{
    char threads[24];
    const struct heap_terms *terms = &process->terms;
    struct short_text rss = rss_of(process);
    struct short_text change = change_of(process);
    struct short_text live = text_of_size(top_figure(terms, ORDER_LIVE));
    struct short_text cached = text_of_size(top_figure(terms, ORDER_CACHED));
    struct short_text unused = text_of_size(top_figure(terms, ORDER_FREE));
    snprintf(threads, sizeof threads, "%zu", process->threads);
    draw_cells(line, attributes,
               (const char *const[COLUMN_COUNT]){words[0], words[1], threads, rss.bytes, live.bytes,
                                                 change.bytes, cached.bytes, unused.bytes},
               words[2]);
}

static const char *command_of(const struct top_process *process)
{
    return process->command[0] ? process->command : process->program;
}

/* Draw the reason why a process cannot be read. The row has the name of the process, so the message
 * leaves it out. */
static void draw_trouble(int line, chtype attributes, const struct top_process *process)
{
    char prefix[96];
    const char *why = process->trouble;
    int length = snprintf(prefix, sizeof prefix, "process %d (%s)", (int)process->pid,
                          process->program);
    if (strncmp(why, prefix, (size_t)length) == 0)
        why += length;
    bool is_sentence = why[0] == ' '; /* "is another user's" */
    if (why[0] == ':')
        why++;
    if (why[0] == ' ')
        why++;
    top_put_line(line, attributes, "%7d %-15.15s %s%s", (int)process->pid, process->program,
                 is_sentence ? "" : "not readable: ", why);
}

static void draw_row(int line, chtype attributes, const struct top_process *process)
{
    char pid[16];
    if (process->trouble[0]) {
        draw_trouble(line, attributes, process);
        return;
    }
    snprintf(pid, sizeof pid, "%d", (int)process->pid);
    draw_figures(line, attributes, process,
                 (const char *const[3]){pid, state_word(process->state), command_of(process)});
}

/* Add the figures that are shown. */
static void add_up(struct top_process *total, const struct top_process *process)
{
    const struct heap_terms *terms = &process->terms;
    total->threads += process->threads;
    total->terms.rss += terms->rss;
    total->terms.live += terms->live;
    total->terms.thread_cached += terms->thread_cached;
    total->terms.depots += terms->depots;
    total->terms.partly_used += terms->partly_used;
    total->terms.purgeable += terms->purgeable;
    if (terms->unexplained)
        total->terms.unexplained = terms->unexplained;
    /* a new process has not changed */
    total->last_live += process->last_live ? process->last_live : terms->live;
}

/* Draw the sum of the processes that could be read, if there are several. Returns the next line. */
static int draw_total(const struct top *top, int line)
{
    static struct top_process total;
    size_t count = 0;
    memset(&total, 0, sizeof total);
    for (size_t i = 0; i < top->count; i++)
        if (!top->processes[i].trouble[0]) {
            add_up(&total, &top->processes[i]);
            count++;
        }
    if (count < 2)
        return line;
    draw_figures(line, A_NORMAL, &total, (const char *const[3]){"total", "", ""});
    return line + 1;
}

static void draw_list(const struct top *top)
{
    const char *titles[COLUMN_COUNT];
    size_t ours = 0;
    for (size_t i = 0; i < top->count; i++)
        ours += !top->processes[i].is_refused;
    top_put_line(0, A_NORMAL, "hakmem top: %zu process%s on the allocator, by %s", ours,
                 ours == 1 ? "" : "es", order_names[top->order]);
    if (top->refused > 0)
        top_put_line(1, A_NORMAL, "%zu more may not be read: u %s", top->refused,
                     top->shows_refused ? "hides them" : "shows which, and why");
    for (unsigned i = 0; i < COLUMN_COUNT; i++)
        titles[i] = columns[i].title;
    draw_cells(2, A_REVERSE, titles, "command");
    int line = draw_total(top, 3);
    size_t rows = LINES > line + 2 ? (size_t)(LINES - line - 2) : 1;
    size_t first = top->selected >= rows ? top->selected - rows + 1 : 0;
    for (size_t i = first; i < top->count && i < first + rows; i++, line++)
        draw_row(line, i == top->selected ? A_BOLD : A_NORMAL, &top->processes[i]);
}

/* ---- one process ---- */

#define BAR_LEFT 49
#define BAR_MOST 80

static int draw_terms(const struct top_process *process, int line)
{
    struct term rows[TERM_COUNT];
    const struct heap_terms *terms = &process->terms;
    stats_terms(terms, rows);
    double all = terms->rss ? (double)terms->rss : 1;
    int widest = COLS - BAR_LEFT < BAR_MOST ? COLS - BAR_LEFT : BAR_MOST;
    for (size_t i = 0; i < TERM_COUNT; i++, line++) {
        if (COLS < BAR_LEFT) { /* the figure first: the label may be cut */
            top_put_line(line, A_NORMAL, "%10s %s", text_of_size(rows[i].bytes).bytes,
                         rows[i].label);
            continue;
        }
        top_put_line(line, A_NORMAL, "%c %-27s %10s %7s", i ? '+' : '=', rows[i].label,
                     text_of_size(rows[i].bytes).bytes,
                     text_of_percent((double)rows[i].bytes, all).bytes);
        int bar = (int)((double)rows[i].bytes / all * widest + 0.5);
        for (int x = 0; x < bar && x < widest; x++)
            mvaddch(line, BAR_LEFT + x, ' ' | A_REVERSE);
    }
    return line;
}

static enum top_order class_order;

static uint64_t class_figure(const struct row_figures *figures)
{
    switch (class_order) {
    case ORDER_CACHED: return figures->bytes[BLOCK_IN_THREAD] + figures->bytes[BLOCK_IN_DEPOT];
    case ORDER_FREE: return figures->bytes[BLOCK_FREE];
    case ORDER_NAME: return UINT32_MAX - figures->size;
    case ORDER_LIVE: return figures->bytes[BLOCK_LIVE];
    default:
        return figures->bytes[BLOCK_LIVE] + figures->bytes[BLOCK_FREE] +
               figures->bytes[BLOCK_IN_THREAD] + figures->bytes[BLOCK_IN_DEPOT];
    }
}

static int compare_classes(const void *a, const void *b)
{
    uint64_t left = class_figure(*(const struct row_figures *const *)a);
    uint64_t right = class_figure(*(const struct row_figures *const *)b);
    return (left < right) - (left > right);
}

/* Draw a line of figures, each in a field of its width. */
static void draw_fields(int at, chtype attributes, const int *widths, const char *const *fields,
                        size_t count)
{
    struct top_line line = {.width = 0};
    for (size_t i = 0; i < count; i++)
        top_add_field(&line, widths[i], fields[i]);
    top_put_line(at, attributes, "%s", line.text);
}

#define CLASS_FIELDS 6

static void draw_class(int line, const int *widths, const struct row_figures *figures)
{
    char size[16];
    char blocks[24];
    uint64_t cached = figures->bytes[BLOCK_IN_THREAD] + figures->bytes[BLOCK_IN_DEPOT];
    struct short_text live = text_of_size(figures->bytes[BLOCK_LIVE]);
    struct short_text in_caches = text_of_size(cached);
    struct short_text unused = text_of_size(figures->bytes[BLOCK_FREE]);
    struct short_text mapped = text_of_size(figures->mapped);
    snprintf(size, sizeof size, "%" PRIu32, figures->size);
    snprintf(blocks, sizeof blocks, "%" PRIu64, figures->blocks[BLOCK_LIVE]);
    draw_fields(line, A_NORMAL, widths,
                (const char *const[CLASS_FIELDS]){size, blocks, live.bytes, in_caches.bytes,
                                                  unused.bytes, mapped.bytes},
                CLASS_FIELDS);
}

static void draw_classes(const struct top *top, int line)
{
    static const int widths[CLASS_FIELDS] = {7, 10, 11, 11, 11, 11};
    static const char *const titles[CLASS_FIELDS] = {"size",   "blocks", "live",
                                                     "cached", "free",   "addresses"};
    const struct heap_terms *terms = &top->processes[0].terms;
    const struct row_figures *order[CLASS_ACE_LAST + 1];
    size_t count = 0;
    for (unsigned c = CLASS_FIRST; c <= CLASS_ACE_LAST; c++)
        if (terms->classes[c].extents > 0)
            order[count++] = &terms->classes[c];
    class_order = top->order;
    qsort(order, count, sizeof order[0], compare_classes);
    draw_fields(line++, A_REVERSE, widths, titles, CLASS_FIELDS);
    for (size_t i = 0; i < count && line < LINES - 1; i++, line++)
        draw_class(line, widths, order[i]);
}

#define THREAD_FIELDS 5

static void draw_thread(int line, const int *widths, const struct thread_view *thread)
{
    char id[16];
    char blocks[24];
    struct short_text bytes = text_of_size(thread->bytes);
    struct short_text granted = text_of_size(thread->granted);
    snprintf(id, sizeof id, "%" PRIu32, thread->thread_id);
    snprintf(blocks, sizeof blocks, "%" PRIu64, thread->blocks);
    draw_fields(
        line, A_NORMAL, widths,
        (const char *const[THREAD_FIELDS]){id, blocks, bytes.bytes, granted.bytes, thread->name},
        THREAD_FIELDS);
}

static void draw_threads(const struct top *top, int line)
{
    static const int widths[THREAD_FIELDS] = {7, 10, 11, 11, -15};
    static const char *const titles[THREAD_FIELDS] = {"thread", "cached", "bytes", "may hold",
                                                      "name"};
    draw_fields(line++, A_REVERSE, widths, titles, THREAD_FIELDS);
    for (size_t i = 0; i < top->thread_count && line < LINES - 1; i++, line++)
        draw_thread(line, widths, &top->threads[i]);
}

static const char *keys_of(const struct top *top)
{
    if (!top->only && !top->core)
        return "r l c f n order  j k Enter select  u unreadable  q quit";
    return top->shows_sites ? "l a p f by live, allocated, peak, pinned  j k move  w back  q quit"
                            : "r l c f n order  t threads  w who asked  b back  q quit";
}

static void draw_process(const struct top *top)
{
    const struct top_process *process = &top->processes[0];
    top_put_line(0, A_NORMAL, "hakmem top: %s [%d], %s, %zu thread%s, %s %s", process->program,
                 (int)process->pid, state_word(process->state), process->threads,
                 plural(process->threads), top->core ? "pages with content" : "RSS",
                 rss_of(process).bytes);
    int line = 1;
    if (process->command[0])
        top_put_line(line++, A_DIM, "%s", process->command);
    if (top->shows_sites) {
        top_draw_sites(top, line);
        return;
    }
    line = draw_terms(process, line) + 1;
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
    top_put_line(LINES - 1, A_DIM, "%s", top->note[0] ? top->note : keys_of(top));
    refresh();
}
