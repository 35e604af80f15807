/* SPDX-License-Identifier: MIT */
/*
 * Joins the metrics of processes: each family is in one place, with the samples of all processes,
 * labelled by process. The text of each process is the output of `hakmem stats --metrics`.
 */
#include "serve/metrics.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "hakmem/hakmem.h"

#define FAMILIES_MAX 64
#define NAME_MAX_BYTES 64
#define TYPE_WORD "# TYPE "
#define HELP_WORD "# HELP "

/* Purpose: the names of families, in their order. */
struct families {
    char names[FAMILIES_MAX][NAME_MAX_BYTES];
    size_t count;
};

/* ---- reading a process's text ---- */

static const char *next_line(const char *line)
{
    const char *end = strchr(line, '\n');
    return end ? end + 1 : line + strlen(line);
}

static bool begins(const char *line, const char *words)
{
    return strncmp(line, words, strlen(words)) == 0;
}

static void list_families(struct families *families, const char *text)
{
    for (const char *line = text; *line; line = next_line(line)) {
        char name[NAME_MAX_BYTES];
        if (!begins(line, TYPE_WORD) || sscanf(line + strlen(TYPE_WORD), "%63s", name) != 1)
            continue;
        size_t i = 0;
        while (i < families->count && strcmp(families->names[i], name) != 0)
            i++;
        if (i == families->count && i < FAMILIES_MAX)
            strcpy(families->names[families->count++], name);
    }
}

static bool is_family(const char *line, const char *name)
{
    size_t length = strlen(name);
    return begins(line, TYPE_WORD) && strncmp(line + strlen(TYPE_WORD), name, length) == 0 &&
           line[strlen(TYPE_WORD) + length] == ' ';
}

/* The line "# TYPE NAME ..." of a family; NULL: this text has none. Usually it is at `from`. */
static const char *find_family(const char *text, const char *from, const char *name)
{
    if (is_family(from, name))
        return from;
    for (const char *line = text; *line; line = next_line(line))
        if (is_family(line, name))
            return line;
    return NULL;
}

/* Are its samples by size class? */
static bool is_by_class(const char *type_line)
{
    const char *line = next_line(type_line);
    while (begins(line, HELP_WORD))
        line = next_line(line);
    const char *label = strstr(line, "{size=\"");
    return *line != '#' && label && label < next_line(line);
}

/* ---- writing ---- */

/* A label's value; the names of programs may hold anything. */
static void put_label(FILE *out, const char *text)
{
    for (; *text; text++) {
        if (*text == '\n') {
            fputs("\\n", out);
            continue;
        }
        if (*text == '\\' || *text == '"')
            fputc('\\', out);
        fputc(*text, out);
    }
}

/* A unit is the last part of the family's name. */
static const char *unit_of(const char *name)
{
    static const char *const units[] = {"bytes", "blocks", "seconds"};
    const char *last = strrchr(name, '_');
    for (size_t i = 0; last && i < sizeof units / sizeof units[0]; i++)
        if (strcmp(last + 1, units[i]) == 0)
            return units[i];
    return NULL;
}

static void put_head(FILE *out, const char *name, const char *type, const char *help, bool is_open)
{
    bool is_counter = strncmp(type, "counter", 7) == 0;
    /* the older format calls a counter by the name of its samples */
    const char *end = is_counter && !is_open ? "_total" : "";
    fprintf(out, TYPE_WORD "%s%s %.*s\n", name, end, (int)strcspn(type, "\n"), type);
    if (is_open && unit_of(name))
        fprintf(out, "# UNIT %s %s\n", name, unit_of(name));
    fprintf(out, HELP_WORD "%s%s %.*s\n", name, end, (int)strcspn(help, "\n"), help);
}

static void put_family_head(FILE *out, const char *type_line, const char *name, bool is_open)
{
    const char *type = type_line + strlen(TYPE_WORD) + strlen(name) + 1;
    const char *help_line = next_line(type_line);
    const char *help = "";
    if (begins(help_line, HELP_WORD))
        help = help_line + strlen(HELP_WORD) + strlen(name) + 1;
    put_head(out, name, type, help, is_open);
}

/* "NAME{LABELS} VALUE" or "NAME VALUE", with the labels of the process before others. */
static void put_sample(FILE *out, const char *line, const struct facts *facts)
{
    size_t length = (size_t)(next_line(line) - line);
    size_t name = strcspn(line, "{ \n");
    if (name >= length)
        return;
    fprintf(out, "%.*s{pid=\"%d\",program=\"", (int)name, line, (int)facts->pid);
    put_label(out, facts->program);
    if (line[name] == '{')
        fprintf(out, "\",%.*s", (int)(length - name - 1), line + name + 1);
    else
        fprintf(out, "\"}%.*s", (int)(length - name), line + name);
}

static void put_family(FILE *out, const struct collection *collection, const char *name,
                       const struct metrics_form *form, const char **ends)
{
    bool has_head = false;
    for (size_t i = 0; i < collection->count; i++) {
        const struct process_row *row = &collection->rows[i];
        const char *line = find_family(row->metrics, ends[i], name);
        if (!line)
            continue;
        bool is_shown = form->has_classes || !is_by_class(line);
        if (is_shown && !has_head)
            put_family_head(out, line, name, form->is_open);
        has_head = has_head || is_shown;
        for (line = next_line(line); begins(line, HELP_WORD); line = next_line(line))
            ;
        for (; *line && *line != '#'; line = next_line(line))
            if (is_shown)
                put_sample(out, line, &row->facts);
        ends[i] = line;
    }
}

/* ---- the server's own ---- */

static void put_own(FILE *out, const struct collection *collection, bool is_open)
{
    put_head(out, "hakmem_serve_processes", "gauge", "Processes that are shown.", is_open);
    fprintf(out, "hakmem_serve_processes %zu\n", collection->count);
    put_head(out, "hakmem_serve_unread_processes", "gauge",
             "Processes that are not shown: reading them is not permitted, a look at them fails, "
             "or there was no time or room for them.",
             is_open);
    fprintf(out,
            "hakmem_serve_unread_processes{reason=\"refused\"} %zu\n"
            "hakmem_serve_unread_processes{reason=\"bad\"} %zu\n"
            "hakmem_serve_unread_processes{reason=\"left_out\"} %zu\n",
            collection_count(collection, FACTS_REFUSED), collection_count(collection, FACTS_BAD),
            collection->left_out);
    put_head(out, "hakmem_serve_collection_seconds", "gauge",
             "Time that the last look at all processes took.", is_open);
    fprintf(out, "hakmem_serve_collection_seconds %.3f\n", collection->seconds);
    put_head(out, "hakmem_serve_version", "gauge", "1; the label is the version of the server.",
             is_open);
    fprintf(out, "hakmem_serve_version{version=\"%s\"} 1\n", HAKMEM_VERSION_STRING);
}

void metrics_write(FILE *out, const struct collection *collection, const struct metrics_form *form)
{
    /* the place in each text where the last family ended: the next family is there */
    static const char *ends[PROCESSES_MAX];
    struct families families = {.count = 0};
    for (size_t i = 0; i < collection->count; i++)
        ends[i] = collection->rows[i].metrics;
    for (size_t i = 0; i < collection->count; i++)
        list_families(&families, collection->rows[i].metrics);
    for (size_t i = 0; i < families.count; i++)
        put_family(out, collection, families.names[i], form, ends);
    put_own(out, collection, form->is_open);
    /* a comment in the older format: in both, a text without it is cut short */
    fputs("# EOF\n", out);
}
