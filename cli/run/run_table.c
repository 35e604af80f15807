/* SPDX-License-Identifier: MIT */
/*
 * Shared by the files of the page: the frame of tables, and figures that stay on one line with
 * their units.
 */
#include <stdlib.h>

#include "base/html.h"
#include "run/run_report.h"

void run_table_begin(FILE *out, const char *caption, const char *head)
{
    fprintf(out,
            "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"%s\"><table>"
            "<caption>%s</caption>\n<thead><tr>%s</tr></thead>\n<tbody>\n",
            caption, caption, head);
}

void run_table_end(FILE *out)
{
    fputs("</tbody></table></div>\n", out);
}

void run_print_kept(FILE *out, const struct run_report *report, run_printer *print)
{
    char *html = NULL;
    size_t size;
    FILE *memory = open_memstream(&html, &size);
    if (memory)
        print(memory, report);
    if (memory && fclose(memory) == 0)
        html_keep_figures(out, html);
    else
        print(out, report);
    free(html);
}
