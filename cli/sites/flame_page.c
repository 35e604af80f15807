/* SPDX-License-Identifier: MIT */
/*
 * `hakmem profile -o FILE.html`: the page, and the section about stacks that other pages have too.
 * The graph is drawn by flame.js from figures in the page; the rest needs no script.
 */
#include "sites/flame_page.h"

#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "base/html.h"
#include "base/text.h"
#include "sites/flame_tree.h"
#include "sites/formats.h"
#include "sites/sites_table.h"
#include "sites/string_table.h"

/* Longer names are cut, so that a browser can open a page with 20,000 functions. */
#define NAME_BYTES_MAX 300

/* flame.css and flame.js, by CMakeLists.txt */
extern const char flame_css[];
extern const char flame_js[];

/* ---- the figures of the graph ---- */

static void put_figures(FILE *out, const struct flame_tree *tree, enum figure first)
{
    const char *comma = "";
    fputs("\"figures\":[", out);
    for (enum figure figure = 0; figure < FIGURE_COUNT; figure++) {
        if (!figure_is_own(figure) || tree->nodes[0].bytes[figure] <= 0)
            continue;
        fprintf(out, "%s{\"name\":\"%s\",\"number\":%d,\"first\":%s,\"bytes\":[", comma,
                figure_name(figure), (int)figure, figure == first ? "true" : "false");
        for (size_t i = 0; i < tree->count; i++)
            fprintf(out, "%s%.0f", i ? "," : "", tree->nodes[i].bytes[figure]);
        fputs("]}", out);
        comma = ",\n";
    }
    fputs("],\n", out);
}

/* The names of the nodes, and the files of their code. */
static void put_names(FILE *out, const struct flame_tree *tree)
{
    struct string_table modules = {0};
    size_t *module_of = calloc(tree->name_count, sizeof *module_of);
    fputs("\"names\":[", out);
    for (size_t i = 0; module_of && i < tree->name_count; i++) {
        const struct flame_name *name = &tree->names[i];
        fputs(i ? "," : "", out);
        html_script_text(out, name->function, NAME_BYTES_MAX);
        module_of[i] = name->module ? string_table_add(&modules, name->module) + 1 : 0;
    }
    fputs("],\n\"module\":[", out);
    for (size_t i = 0; module_of && i < tree->name_count; i++)
        fprintf(out, "%s%zu", i ? "," : "", module_of[i]);
    fputs("],\n\"modules\":[\"\"", out);
    for (size_t i = 0; i < modules.count; i++) {
        fputc(',', out);
        html_script_text(out, modules.texts[i], NAME_BYTES_MAX);
    }
    fputs("],\n", out);
    string_table_free(&modules);
    free(module_of);
}

static void put_nodes(FILE *out, const struct flame_tree *tree)
{
    fputs("\"name\":[", out);
    for (size_t i = 0; i < tree->count; i++)
        fprintf(out, "%s%" PRIu32, i ? "," : "", tree->nodes[i].name);
    fputs("],\n\"parent\":[", out);
    for (size_t i = 0; i < tree->count; i++)
        fprintf(out, "%s%" PRIu32, i ? "," : "", tree->nodes[i].parent);
    fputs("]}\n", out);
}

static void print_graph(FILE *out, const struct named_profile *named, enum figure figure)
{
    struct flame_tree tree;
    flame_tree_make(&tree, named);
    fputs(
        "<figure class=\"flame\" hidden><figcaption><b>Flame graph</b> the width of a function is "
        "the memory that it and its callees asked for; its caller is above it. A click or Enter "
        "zooms, Escape shows all, arrow keys move.</figcaption>\n"
        "<div class=\"flame-bar\"></div>\n"
        "<p class=\"flame-said note\" aria-live=\"polite\"></p>\n"
        "<div class=\"flame-view\"><div class=\"flame-graph\" role=\"tree\" "
        "aria-label=\"Flame graph\"></div></div>\n"
        "<ul class=\"legend\"></ul></figure>\n"
        "<noscript><p class=\"note\">The flame graph needs JavaScript. The table has the same "
        "stacks.</p></noscript>\n"
        "<script type=\"application/json\" id=\"flame-data\">{",
        out);
    put_figures(out, &tree, figure);
    put_names(out, &tree);
    put_nodes(out, &tree);
    fprintf(out,
            "</script>\n<p class=\"note\">Functions with less than %g %% of each figure are added "
            "up as \"(others)\".</p>\n",
            100 * tree.least);
    flame_tree_free(&tree);
}

/* ---- the section ---- */

static void print_answer(FILE *out, const struct named_profile *named, enum figure figure)
{
    static const char *const of[FIGURE_COUNT] = {[FIGURE_LIVE] = "live",
                                                 [FIGURE_ALLOCATED] = "allocated",
                                                 [FIGURE_PEAK] = "live when the heap was largest"};
    size_t count;
    const struct site_view **order = sites_rank(&named->view, figure, &count);
    double sum = sites_sum(&named->view, figure);
    fputs("<p class=\"answer most\">", out);
    if (count == 0) {
        fputs("Nothing has been sampled.", out);
    } else {
        double bytes = (double)site_bytes(order[0], figure);
        fprintf(out,
                "Of <span class=\"nb\">%s</span> %s, <span class=\"nb\">%s</span> "
                "(<span class=\"nb\">%s</span>) ",
                text_of_size((uint64_t)sum).bytes, of[figure] ? of[figure] : figure_name(figure),
                text_of_size((uint64_t)bytes).bytes, text_of_percent(bytes, sum).bytes);
        fputs(count > 1 ? "was asked for by one stack of calls, in " : "was asked for in ", out);
        stack_print_name(out, named, order[0]);
        fputc('.', out);
    }
    fputs("</p>\n", out);
    free(order);
}

static void print_method(FILE *out, const struct named_profile *named)
{
    const struct profile_view *view = &named->view;
    char since[64] = "?";
    time_t start = (time_t)(view->started_ms / 1000);
    struct tm local;
    if (localtime_r(&start, &local))
        strftime(since, sizeof since, "%Y-%m-%d %H:%M:%S", &local);
    fprintf(out,
            "<p class=\"note\">Estimated from samples, one for each "
            "<span class=\"nb\">%s</span> on average, since %s.%s",
            text_of_size(view->interval).bytes, since, view->is_on ? "" : " Profiling is off now.");
    if (view->clients && !(view->clients & PROFILE_BY_PROGRAM))
        fputs(" Memory that was allocated before has no stacks here.", out);
    if (view->dropped > 0)
        fprintf(out,
                " There was no room for samples or stacks, %" PRIu64
                " times (HAKMEM_PROFILE_MEMORY).",
                view->dropped);
    if (view->implausible > 0)
        fprintf(out, " %u thing%s changed while being read, and left out.", view->implausible,
                view->implausible == 1 ? " was" : "s were");
    if (named->symbols.is_cut_short)
        fputs(" Not all names were found: looking for them failed, or took too long.", out);
    fputs("</p>\n", out);
}

void flame_section(FILE *out, const struct named_profile *named, enum figure figure)
{
    if (!figure_is_own(figure) || sites_sum(&named->view, figure) <= 0)
        figure = FIGURE_ALLOCATED;
    fprintf(out, "<section id=\"stacks\"><style>\n%s</style><h2>Who asked for it</h2>\n",
            flame_css);
    print_answer(out, named, figure);
    print_method(out, named);
    if (named->view.site_count > 0) {
        print_graph(out, named, figure);
        stack_rows_print(out, named, figure);
        fprintf(out, "<script>\n%s</script>\n", flame_js);
    }
    fputs("</section>\n", out);
}

/* ---- the page ---- */

void format_html(FILE *out, const struct named_profile *named, enum figure figure)
{
    html_begin(out, "A program's stacks");
    fputs("<dl>\n", out);
    html_fact(out, "Program", named->title);
    html_end_header(out);
    flame_section(out, named, figure);
    html_end(out);
}
