/* SPDX-License-Identifier: MIT */
/*
 * `hakmem map`: the heap's address space, superslab by superslab, in the terminal or as SVG: what
 * each slab holds, how full it is, and whether it is resident. Called by main.c; reads a heap_view.
 */
#include "map.h"

#include <argp.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "choose.h"
#include "cli.h"
#include "output.h"

#define KEY_SVG CLI_KEY(1)
#define PAGES_PER_SLAB (SLAB_SIZE / TARGET_PAGE)

/* ---- rows ---- */

/* Bytes of each slab of an extent that live blocks cover, added up in `live`. */
static void add_live(const struct heap_view *view, const struct extent *extent, uint64_t *live)
{
    uint64_t counts[BLOCK_IN_DEPOT + 1];
    if (extent->bytes == SLAB_SIZE) {
        heap_block_counts(view, extent, counts);
        live[0] = counts[BLOCK_LIVE] * extent->slab->size;
        return;
    }
    uint8_t states[EXTENT_BLOCKS_MAX];
    unsigned count = heap_block_states(view, extent, states);
    uint64_t size = extent->slab->size;
    for (unsigned i = 0; i < count; i++) {
        uint64_t end = (i + 1) * size;
        for (uint64_t at = i * size; states[i] == BLOCK_LIVE && at < end;) {
            uint64_t next = (at / SLAB_SIZE + 1) * SLAB_SIZE;
            if (next > end)
                next = end;
            live[at / SLAB_SIZE] += next - at;
            at = next;
        }
    }
}

static uint8_t resident_share(const uint8_t *present)
{
    unsigned pages = 0;
    for (size_t i = 0; i < PAGES_PER_SLAB; i++)
        pages += present[i];
    return (uint8_t)(pages * 100 / PAGES_PER_SLAB);
}

/* The cells of the slabs of an extent that lie in the superslab at `start`. */
static void fill_cells(const struct heap_view *view, const struct extent *extent, uint64_t start,
                       const uint8_t *present, struct cell *cells)
{
    uint64_t from = extent->start > start ? extent->start : start;
    uint64_t end = extent->start + extent->bytes;
    uint64_t live[SLABS_PER_SUPERSLAB] = {0};
    bool is_huge = extent->slab && extent->kind == EXTENT_HUGE;
    if (extent->slab && !is_huge)
        add_live(view, extent, live);
    for (uint64_t at = from; at < end && at < start + SUPERSLAB_SIZE; at += SLAB_SIZE) {
        size_t number = (at - start) / SLAB_SIZE;
        uint64_t bytes = live[(at - extent->start) / SLAB_SIZE % SLABS_PER_SUPERSLAB];
        if (is_huge)
            bytes = at < extent->start + extent->slab->size ? SLAB_SIZE : 0;
        cells[number] = (struct cell){
            .kind = (uint8_t)extent->kind,
            .size_class = extent->slab && !is_huge ? extent->slab->size_class : 0,
            .is_first = at == extent->start,
            .live = (uint8_t)(bytes * 100 / SLAB_SIZE),
            .resident = resident_share(present + number * PAGES_PER_SLAB),
        };
    }
}

static void add_row(struct map *map, const struct map_row *row)
{
    struct map_row *last = map->count ? &map->rows[map->count - 1] : NULL;
    if (last && last->start + last->count * SUPERSLAB_SIZE == row->start &&
        memcmp(last->cells, row->cells, sizeof row->cells) == 0) {
        last->count += row->count;
        return;
    }
    if ((map->count & (map->count - 1)) == 0)
        map->rows = target_resize(map->rows, map->count ? 2 * map->count : 1, sizeof *map->rows);
    map->rows[map->count++] = *row;
}

/* The row of the superslab at `start`; `extent` goes on from the one before, which may reach into
 * it. */
static void fill_row(const struct heap_view *view, struct map_row *row, struct extent *extent)
{
    uint8_t present[PAGES_PER_SUPERSLAB];
    target_present(view->target, row->start, PAGES_PER_SUPERSLAB, present);
    for (uint64_t at = row->start; at < row->start + SUPERSLAB_SIZE;) {
        if (at >= extent->start + extent->bytes && !heap_extent_at(view, at, extent))
            return;
        fill_cells(view, extent, row->start, present, row->cells);
        at = extent->start + extent->bytes;
    }
}

/* Superslabs from `start` on that the table does not know, and that have no pages. */
static uint64_t unused_from(const struct heap_view *view, uint64_t start)
{
    if (start >= heap_end(view))
        return 0;
    uint64_t count = heap_unused(view, (start - heap_start(view)) >> SUPERSLAB_SHIFT);
    uint64_t end = start + (count << SUPERSLAB_SHIFT);
    return target_resident_bytes(view->target, start, end) > 0 ? 0 : count;
}

static struct map_row unused_row(uint64_t start, uint64_t count)
{
    struct map_row row = {.start = start, .count = count};
    for (size_t i = 0; i < SLABS_PER_SUPERSLAB; i++)
        row.cells[i] = (struct cell){.kind = EXTENT_COLD, .is_first = i == 0};
    return row;
}

void map_make(const struct heap_view *view, struct map *map)
{
    struct extent extent = {EXTENT_COLD, 0, 0, NULL, NULL};
    *map = (struct map){NULL, 0};
    if (view->is_empty)
        return;
    for (uint64_t start = heap_start(view); start < heap_end(view);) {
        struct map_row row = {.start = start, .count = 1};
        fill_row(view, &row, &extent);
        add_row(map, &row);
        start += SUPERSLAB_SIZE;
        uint64_t unused = start >= extent.start + extent.bytes ? unused_from(view, start) : 0;
        if (unused > 0) {
            row = unused_row(start, unused);
            add_row(map, &row);
            start += unused << SUPERSLAB_SHIFT;
        }
    }
}

void map_describe(const struct cell *cell, char *text, size_t size)
{
    static const char *const words[EXTENT_KINDS] = {
        [EXTENT_COLD] = "free addresses", [EXTENT_WARM] = "free, kept ready",
        [EXTENT_BLOCKS] = "blocks",       [EXTENT_SPAN] = "ACE span",
        [EXTENT_HUGE] = "Huge block",     [EXTENT_OTHER] = "not the heap's",
    };
    const char *word = words[cell->kind];
    if (cell->kind == EXTENT_BLOCKS || cell->kind == EXTENT_SPAN)
        snprintf(text, size, "%s of %" PRIu32 " bytes, %u %% live, %u %% resident", word,
                 size_classes[cell->size_class].size, cell->live, cell->resident);
    else
        snprintf(text, size, "%s, %u %% resident", word, cell->resident);
}

/* ---- the terminal ---- */

/* A letter for what a slab holds: large when most of it is live. */
static char letter_of(const struct cell *cell)
{
    switch (cell->kind) {
    case EXTENT_COLD: return '.';
    case EXTENT_WARM: return '-';
    case EXTENT_OTHER: return '?';
    case EXTENT_HUGE: return cell->live >= 50 ? 'H' : 'h';
    case EXTENT_SPAN: return cell->live >= 50 ? 'A' : 'a';
    default:
        if (cell->size_class <= CLASS_TINY_LAST)
            return cell->live >= 50 ? 'T' : 't';
        return cell->live >= 50 ? 'P' : 'p';
    }
}

static const char *colour_of(const struct cell *cell)
{
    switch (cell->kind) {
    case EXTENT_BLOCKS: return cell->size_class <= CLASS_TINY_LAST ? "32" : "34";
    case EXTENT_SPAN: return "35";
    case EXTENT_HUGE: return "33";
    default: return "37";
    }
}

static void print_cells(const struct map_row *row, bool is_coloured)
{
    for (size_t i = 0; i < SLABS_PER_SUPERSLAB; i++) {
        const struct cell *cell = &row->cells[i];
        if (is_coloured)
            printf("\033[%s;%sm%c", cell->resident >= 50 ? "1" : "2", colour_of(cell),
                   letter_of(cell));
        else
            putchar(letter_of(cell));
    }
    if (is_coloured)
        fputs("\033[0m", stdout);
}

static void print_row(const struct map_row *row, bool is_coloured)
{
    unsigned live = 0;
    unsigned resident = 0;
    for (size_t i = 0; i < SLABS_PER_SUPERSLAB; i++) {
        live += row->cells[i].live;
        resident += row->cells[i].resident;
    }
    printf("%012" PRIx64 " ", row->start);
    print_cells(row, is_coloured);
    printf(" %4zu %% %4zu %%", live / SLABS_PER_SUPERSLAB, resident / SLABS_PER_SUPERSLAB);
    if (row->count > 1)
        printf("  x %" PRIu64, row->count);
    putchar('\n');
}

static void print_terminal(const struct heap_view *view, const struct map *map)
{
    bool is_coloured = isatty(STDOUT_FILENO) && !getenv("NO_COLOR");
    printf("%s\n"
           "a row is a superslab (2 MiB), a letter a slab (64 KiB): T Tiny, P Pool,\n"
           "A ACE, H Huge (small: less than half live), - warm, . free, ? not the heap's%s\n\n",
           choice_title(view->target), is_coloured ? "\nbright: resident" : "");
    printf("%-12s %-32s %6s %6s\n", "address", "slabs", "live", "res.");
    for (size_t i = 0; i < map->count; i++)
        print_row(&map->rows[i], is_coloured);
    if (map->count == 0)
        puts("the heap has no superslab yet");
}

/* ---- the verb ---- */

struct map_input {
    struct choice choice;
    struct output svg;
};

static error_t parse_map(int key, char *argument, struct argp_state *state)
{
    struct map_input *input = state->input;
    cli_parse_common(key, state);
    switch (key) {
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
    if (!output_open(&input->svg))
        return EXIT_USAGE;
    map_make(view, &map);
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
        {"svg", KEY_SVG, "FILE", 0, "draw it into an SVG file", 0},
        CHOICE_OPTION_CORE,
        CLI_OPTION_HELP,
        {0},
    };
    static const struct argp argp = {
        .options = options,
        .parser = parse_map,
        .args_doc = "PID\n--core FILE",
        .doc = "Show the address space of a process's heap: what each slab holds, how full it is, "
               "what is resident.",
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
