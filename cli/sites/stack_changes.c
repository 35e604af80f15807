/* SPDX-License-Identifier: MIT */
/*
 * Sums figures by stack for two sides, and shows the differences, the largest first.
 */
#include "sites/stack_changes.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "sites/sites_table.h"

#define INDENT "    "
#define FRAMES_SHOWN 6
#define COLUMNS 80
/* The most frames of the allocator's own that are looked for, as in stacks.c. */
#define OWN_FRAMES_MAX 12

/* ---- stacks ---- */

static size_t count_allocators(const struct pprof_frame *frames, size_t count)
{
    size_t skipped = 0;
    for (size_t i = 0; i < count && i < OWN_FRAMES_MAX; i++)
        if (stack_is_allocator(frames[i].function))
            skipped = i + 1;
    return skipped < count ? skipped : 0;
}

/* The functions, a line each; to be freed. */
static char *key_of(const struct pprof_frame *frames, size_t count)
{
    size_t size = 1;
    for (size_t i = 0; i < count; i++)
        size += strlen(frames[i].function) + 1;
    char *key = memory_resize(NULL, size, 1);
    char *at = key;
    for (size_t i = 0; i < count; i++)
        at += sprintf(at, "%s\n", frames[i].function);
    *at = '\0';
    return key;
}

static struct stack_change *find_row(struct stack_changes *changes,
                                     const struct pprof_frame *frames, size_t count)
{
    size_t before = changes->keys.count;
    char *key = key_of(frames, count);
    size_t number = string_table_add(&changes->keys, key);
    if (changes->keys.count == before) {
        free(key);
        return &changes->rows[number];
    }
    if ((before & (before - 1)) == 0)
        changes->rows = memory_resize(changes->rows, before ? 2 * before : 1,
                                      sizeof *changes->rows);
    struct stack_change *row = &changes->rows[number];
    *row = (struct stack_change){.count = count};
    row->frames = memory_resize(NULL, count + 1, sizeof *row->frames);
    memcpy(row->frames, frames, count * sizeof *row->frames);
    while (row->own < count && stack_is_library(frames[row->own].function))
        row->own++;
    if (row->own == count)
        row->own = 0;
    return row;
}

void stack_changes_add(struct stack_changes *changes, enum change_side side,
                       const struct pprof_frame *frames, size_t count, const double figures[2])
{
    static const struct pprof_frame unknown = {"(stack not kept)", NULL, 0};
    size_t skipped = count_allocators(frames, count);
    if (figures[0] == 0 && figures[1] == 0)
        return;
    struct stack_change *row = count > 0 ? find_row(changes, frames + skipped, count - skipped)
                                         : find_row(changes, &unknown, 1);
    row->bytes[side] += figures[0];
    row->blocks[side] += figures[1];
    changes->bytes[side] += figures[0];
    changes->blocks[side] += figures[1];
}

void stack_changes_free(struct stack_changes *changes)
{
    for (size_t i = 0; i < changes->keys.count; i++) {
        free((char *)changes->keys.texts[i]);
        free(changes->rows[i].frames);
    }
    free(changes->rows);
    string_table_free(&changes->keys);
}

static double change_of(const double sides[CHANGE_SIDES])
{
    return sides[CHANGE_AFTER] - sides[CHANGE_BEFORE];
}

static int compare_rows(const void *a, const void *b)
{
    double left = fabs(change_of((*(const struct stack_change *const *)a)->bytes));
    double right = fabs(change_of((*(const struct stack_change *const *)b)->bytes));
    return (left < right) - (left > right);
}

/* The rows that changed by half a byte or more, the largest change first; to be freed. */
static const struct stack_change **rank(const struct stack_changes *changes, size_t *count)
{
    const struct stack_change **order = memory_resize(NULL, changes->keys.count + 1, sizeof *order);
    *count = 0;
    for (size_t i = 0; i < changes->keys.count; i++)
        if (fabs(change_of(changes->rows[i].bytes)) >= 0.5)
            order[(*count)++] = &changes->rows[i];
    if (*count > 0)
        qsort(order, *count, sizeof *order, compare_rows);
    return order;
}

/* ---- text ---- */

static struct short_text text_of_bytes(double bytes)
{
    return text_of_size(bytes < 0 ? 0 : bytes < 0x1p62 ? (uint64_t)bytes : UINT64_C(1) << 62);
}

static struct short_text text_of_change(double change)
{
    struct short_text text;
    snprintf(text.bytes, sizeof text.bytes, "%s%.20s",
             change >= 0.5    ? "+"
             : change <= -0.5 ? "-"
                              : "",
             text_of_bytes(fabs(change)).bytes);
    return text;
}

static void print_stack(FILE *out, const struct stack_change *row)
{
    size_t shown = 0;
    for (size_t i = row->own; i < row->count && shown < FRAMES_SHOWN; i++, shown++) {
        const struct frame frame = {.function = row->frames[i].function,
                                    .file = row->frames[i].file,
                                    .line = row->frames[i].line};
        if (shown > 0 && strncmp(frame.function, "__libc_start_", 13) == 0)
            return;
        sites_print_frame(out, shown ? INDENT INDENT : INDENT, &frame, COLUMNS);
    }
    if (row->count - row->own > shown)
        fprintf(out, INDENT INDENT "(%zu more)\n", row->count - row->own - shown);
}

static void print_row(FILE *out, const struct stack_change *row)
{
    fprintf(out, "%12s %11s %11s %+14.0f\n", text_of_change(change_of(row->bytes)).bytes,
            text_of_bytes(row->bytes[CHANGE_BEFORE]).bytes,
            text_of_bytes(row->bytes[CHANGE_AFTER]).bytes, change_of(row->blocks));
    print_stack(out, row);
}

static void print_title(FILE *out, const struct stack_changes *changes,
                        const struct changes_title *title)
{
    bool is_earlier = title->seconds < 0;
    fprintf(out, "%.100s", title->names[CHANGE_BEFORE]);
    if (strcmp(title->names[CHANGE_BEFORE], title->names[CHANGE_AFTER]) != 0)
        fprintf(out, " and %.100s", title->names[CHANGE_AFTER]);
    if (fabs(title->seconds) < 120)
        fprintf(out, ", %.1f s %s", fabs(title->seconds), is_earlier ? "earlier" : "later");
    else if (!isnan(title->seconds))
        fprintf(out, ", %s %s", text_of_ms(fabs(title->seconds) * 1000).bytes,
                is_earlier ? "earlier" : "later");
    fprintf(out, "\n%s %s, then %s: %s\n", text_of_bytes(changes->bytes[CHANGE_BEFORE]).bytes,
            figure_title(title->figure), text_of_bytes(changes->bytes[CHANGE_AFTER]).bytes,
            text_of_change(change_of(changes->bytes)).bytes);
    if (title->interval > 1)
        fprintf(out, "sampled every %s on average: a change of a few times that may be chance\n",
                text_of_size(title->interval).bytes);
}

void stack_changes_print(FILE *out, const struct stack_changes *changes,
                         const struct changes_title *title)
{
    size_t count;
    const struct stack_change **order = rank(changes, &count);
    size_t shown = count < title->rows ? count : title->rows;
    print_title(out, changes, title);
    if (count > 0)
        fprintf(out, "\n%12s %11s %11s %14s\n", "change", "before", "after", "more blocks");
    else
        fputs("\nnothing has changed\n", out);
    for (size_t i = 0; i < shown; i++)
        print_row(out, order[i]);
    if (count > shown)
        fprintf(out, "\n(%zu smaller not shown: --top N shows more, --json all)\n", count - shown);
    free(order);
}

/* ---- JSON ---- */

static void json_change(FILE *out, const char *name, const double sides[CHANGE_SIDES])
{
    fprintf(out, "\"%s\":{\"before\":%.2f,\"after\":%.2f,\"change\":%.2f}", name,
            sides[CHANGE_BEFORE], sides[CHANGE_AFTER], change_of(sides));
}

static void json_row(FILE *out, const struct stack_change *row)
{
    fputc('{', out);
    json_change(out, "bytes", row->bytes);
    fputc(',', out);
    json_change(out, "blocks", row->blocks);
    fputs(",\n \"stack\":[", out);
    for (size_t i = 0; i < row->count; i++) {
        fputs(i ? ",\n  {\"function\":" : "{\"function\":", out);
        json_text(out, row->frames[i].function);
        if (row->frames[i].file) {
            fputs(",\"file\":", out);
            json_text(out, row->frames[i].file);
            fprintf(out, ",\"line\":%" PRIu32, row->frames[i].line);
        }
        fputc('}', out);
    }
    fputs("]}", out);
}

void stack_changes_print_json(FILE *out, const struct stack_changes *changes,
                              const struct changes_title *title)
{
    size_t count;
    const struct stack_change **order = rank(changes, &count);
    size_t shown = count < title->rows ? count : title->rows;
    fputs("{\"format\":1,\"before\":", out);
    json_text(out, title->names[CHANGE_BEFORE]);
    fputs(",\"after\":", out);
    json_text(out, title->names[CHANGE_AFTER]);
    fprintf(out, ",\"figure\":\"%s\",\"interval_bytes\":%" PRIu64, figure_name(title->figure),
            title->interval);
    if (!isnan(title->seconds))
        fprintf(out, ",\"seconds\":%.3f", title->seconds);
    fputs(",\n", out);
    json_change(out, "bytes", changes->bytes);
    fputc(',', out);
    json_change(out, "blocks", changes->blocks);
    fputs(",\n\"sites\":[", out);
    for (size_t i = 0; i < shown; i++) {
        fputs(i ? ",\n" : "\n", out);
        json_row(out, order[i]);
    }
    fputs("]}\n", out);
    free(order);
}
