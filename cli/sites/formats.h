/* SPDX-License-Identifier: MIT */
/*
 * The forms in which a profile is written for other tools.
 */
#ifndef HAK_CLI_FORMATS_H
#define HAK_CLI_FORMATS_H

#include <stdio.h>

#include "sites/stacks.h"

/* Writes a profile. `figure` is written if the form has only one figure, else shown first. */
typedef void format_write(FILE *out, const struct named_profile *named, enum figure figure);

/* For `go tool pprof`, Pyroscope, Parca: protocol buffers, packed by gzip. All figures. */
format_write format_pprof;
/* A line a stack, outermost first: "main;f;g BYTES", for flame graphs. */
format_write format_folded;
/* For speedscope.app. */
format_write format_speedscope;
/* The text of gperftools' heap profiler, for google-pprof, which finds the names itself. */
format_write format_gperftools;
/* All stacks, whole, as `hakmem sites` prints them. */
format_write format_text;
/* A page: a flame graph and a table of stacks. */
format_write format_html;

/* The form that the end of a file's name chooses; NULL: none. */
format_write *format_of(const char *path);
#define FORMAT_ENDINGS ".pb.gz, .heap, .folded, .json, .txt or .html"

#endif
