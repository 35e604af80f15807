/* SPDX-License-Identifier: MIT */
/*
 * `hakmem map`: draws the heap's address space in the terminal or as SVG: the contents of each
 * part, how full it is, and whether it is resident; for the whole heap, or for a range of
 * addresses. map_rows.c makes the rows.
 */
#include "look/map.h"

#include <argp.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/message.h"
#include "base/output.h"
#include "base/text.h"
#include "heap/choose.h"
#include "heap/copy.h"
#include "look/verbs.h"

#define KEY_SVG CLI_KEY(1)
#define KEY_RANGE CLI_KEY(2)

/* ---- the terminal ---- */

/* Purpose: the part of a row that the terminal shows beside its address and its number. */
struct shown_row {
    char letters[CELLS_PER_ROW];
    bool is_bright[CELLS_PER_ROW]; /* at least half of the cell is resident */
    char kinds[CELLS_PER_ROW];     /* enum cell_kind */
    struct short_text live;
    struct short_text resident;
};

/* The letter of a cell's contents: a capital if at least half of it is live. */
static char letter_of(const struct cell *cell, const struct map_sums *sums)
{
    static const char letters[CELL_KINDS][2] = {
        [CELL_COLD] = "..", [CELL_WARM] = "--", [CELL_TINY] = "tT",  [CELL_POOL] = "pP",
        [CELL_ACE] = "aA",  [CELL_HUGE] = "hH", [CELL_OTHER] = "??",
    };
    return letters[cell->kind][2 * sums->live >= sums->bytes];
}

static struct shown_row show_row(const struct map *map, const struct map_row *row, bool is_coloured)
{
    struct shown_row shown;
    struct map_sums sums = map_row_sums(map, row);
    memset(&shown, 0, sizeof shown);
    for (size_t i = 0; i < CELLS_PER_ROW; i++) {
        const struct cell *cell = &row->cells[i];
        struct map_sums part = map_cell_sums(map, row, cell);
        shown.letters[i] = letter_of(cell, &part);
        shown.kinds[i] = (char)cell->kind;
        shown.is_bright[i] = is_coloured && 2 * part.resident >= part.bytes;
    }
    snprintf(shown.live.bytes, sizeof shown.live.bytes, "%s",
             map_share(sums.live, sums.bytes).bytes);
    snprintf(shown.resident.bytes, sizeof shown.resident.bytes, "%s",
             map_share(sums.resident, sums.bytes).bytes);
    return shown;
}

static void print_letters(const struct shown_row *row, bool is_coloured)
{
    static const char *const colours[CELL_KINDS] = {
        [CELL_COLD] = "37", [CELL_WARM] = "37", [CELL_TINY] = "32",  [CELL_POOL] = "34",
        [CELL_ACE] = "35",  [CELL_HUGE] = "33", [CELL_OTHER] = "37",
    };
    for (size_t i = 0; i < CELLS_PER_ROW; i++) {
        if (is_coloured)
            printf("\033[%s;%sm%c", row->is_bright[i] ? "1" : "2", colours[(int)row->kinds[i]],
                   row->letters[i]);
        else
            putchar(row->letters[i]);
    }
    if (is_coloured)
        fputs("\033[0m", stdout);
}

static void print_row(uint64_t start, uint64_t count, const struct shown_row *row, bool is_coloured)
{
    printf("%012" PRIx64 " ", start);
    print_letters(row, is_coloured);
    printf(" %6s %6s", row->live.bytes, row->resident.bytes);
    if (count > 1)
        printf("  x %" PRIu64, count);
    putchar('\n');
}

/* Rows that would look the same are printed once, with their number. */
static void print_rows(const struct map *map, bool is_coloured)
{
    for (size_t i = 0; i < map->count;) {
        uint64_t start = map->rows[i].start;
        uint64_t count = map->rows[i].count;
        struct shown_row first = show_row(map, &map->rows[i], is_coloured);
        for (i++; i < map->count; i++) {
            struct shown_row next = show_row(map, &map->rows[i], is_coloured);
            if (memcmp(&first, &next, sizeof first) != 0)
                break;
            count += map->rows[i].count;
        }
        print_row(start, count, &first, is_coloured);
    }
}

static void print_terminal(const struct heap_view *view, const struct map *map)
{
    bool is_coloured = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
    bool is_folded = map->shift > 0;
    printf("%s\n", choice_title(view->target));
    printf("a row is %s%s, a letter %s%s: T Tiny, P Pool,\n", is_folded ? "" : "a superslab of ",
           text_of_size(map_row_bytes(map)).bytes, is_folded ? "" : "a slab of ",
           text_of_size(map_cell_bytes(map)).bytes);
    fputs("A ACE, H Huge (small: less than half live), - warm, . free, ? not the heap's\n", stdout);
    puts("live: in blocks, which count whole, resident or not; res.: resident;\n"
         "x 3: three rows like this");
    if (is_folded)
        puts("a letter shows the main use; --range START-END shows a part in detail");
    if (is_coloured)
        puts("bright: resident");
    printf("\n%-12s %-32s %6s %6s\n", "address", "slabs", "live", "res.");
    print_rows(map, is_coloured);
    if (map->count == 0)
        puts("the heap has no superslab yet");
}

/* ---- the verb ---- */

struct map_input {
    struct choice choice;
    struct output svg;
    const char *range; /* as the user wrote it; NULL for the whole heap */
    uint64_t from;
    uint64_t to;
};

/* Parse hexadecimal digits, with or without 0x, at the start of `text`; `end` is the rest. */
static bool read_address(const char *text, uint64_t *address, const char **end)
{
    const char *digits = strncmp(text, "0x", 2) == 0 ? text + 2 : text;
    size_t length = strspn(digits, "0123456789abcdefABCDEF");
    *address = strtoull(digits, NULL, 16);
    *end = digits + length;
    return length > 0 && length <= 16;
}

static void parse_range(struct map_input *input, const char *text)
{
    const char *end;
    input->range = text;
    if (!read_address(text, &input->from, &end) || *end != '-' ||
        !read_address(end + 1, &input->to, &end) || *end != '\0')
        exit(cli_fail(EXIT_USAGE,
                      "hakmem map: --range cannot be '%.60s': expected START-END in hexadecimal",
                      text));
    if (input->from >= input->to)
        exit(cli_fail(EXIT_USAGE, "hakmem map: --range cannot be '%.60s': it ends before it begins",
                      text));
}

/* Make the map of the heap, or of the part of the range that lies in the heap. */
static void make(const struct map_input *input, const struct heap_view *view, struct map *map)
{
    if (!input->range) {
        map_make(view, map);
        return;
    }
    map_make_range(view, input->from, input->to, map);
    if (map->count == 0 && !view->is_empty)
        exit(cli_fail(EXIT_FAILURE,
                      "hakmem map: nothing of the range %.60s is in the heap, which is "
                      "%" PRIx64 "-%" PRIx64,
                      input->range, heap_start(view), heap_end(view)));
}

static error_t parse_map(int key, char *argument, struct argp_state *state)
{
    struct map_input *input = state->input;
    cli_parse_common(key, state);
    switch (key) {
    case KEY_RANGE: parse_range(input, argument); return 0;
    case KEY_SVG: input->svg.path = argument; return 0;
    case CHOICE_KEY_CORE: input->choice.core = argument; return 0;
    case ARGP_KEY_ARG:
        if (input->choice.pid || input->choice.core)
            exit(cli_fail(EXIT_USAGE, "hakmem map: '%.60s' is one word too many", argument));
        input->choice.pid = argument;
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static int draw(struct map_input *input, const struct heap_view *view)
{
    struct map map;
    int status = EXIT_SUCCESS;
    make(input, view, &map);
    if (!output_open(&input->svg))
        return EXIT_USAGE;
    if (input->svg.path) {
        map_print_svg(output_begin(&input->svg), view, &map);
        status = output_end(&input->svg, EXIT_SUCCESS);
    } else {
        print_terminal(view, &map);
    }
    free(map.rows);
    return status;
}

int map_command(int argc, char **argv)
{
    static const struct argp_option options[] = {
        {"range", KEY_RANGE, "START-END", 0, "show only these addresses, in hexadecimal", 0},
        {"svg", KEY_SVG, "FILE", 0, "draw it as an SVG picture into this file", 0},
        CHOICE_OPTION_CORE,
        CLI_OPTION_HELP,
        {0},
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse_map,
        .args_doc = "PID\n--core FILE",
        .doc = "Show the address space of a process's heap: what each slab (64 KiB) holds, how "
               "full it is, and how much is resident.",
    };
    struct map_input input = {.choice = {.command = "hakmem map"},
                              .svg = {.command = "hakmem map"}};
    struct target target;
    struct heap_view view;
    cli_parse(&argp, argc, argv, &input);
    choice_open(&input.choice, &target, &view);
    int status = draw(&input, &view);
    heap_view_close(&view);
    target_close(&target);
    return status;
}
