/* SPDX-License-Identifier: MIT */
/*
 * Pages that need nothing else: what the HTML reports of the verbs share.
 */
#ifndef HAK_CLI_HTML_H
#define HAK_CLI_HTML_H

#include <stdio.h>

/* From the doctype into <header>, with the title as heading. */
void html_begin(FILE *out, const char *title);
/* A row of a <dl>. */
void html_fact(FILE *out, const char *name, const char *text);
/* The machine: kernel, processors, memory. */
void html_fact_machine(FILE *out);
void html_fact_date(FILE *out);
/* From </main> on. */
void html_end(FILE *out);

/* Text with what is special in HTML made harmless; what is no UTF-8, or a control character, is
 * '?'. */
void html_text(FILE *out, const char *text);
/* Text as html_text writes it, in which a figure and its unit, or an option and its number, are
 * never on two lines. */
void html_prose(FILE *out, const char *text);
/* The same of HTML whose tags have no figures in them. */
void html_keep_figures(FILE *out, const char *html);
/* A command with its arguments, quoted where a shell needs it. */
void html_command(FILE *out, char **argv);

/* The same of at most `most` bytes, with dots where it goes on; as code. */
void html_code(FILE *out, const char *text, size_t most);

#endif
