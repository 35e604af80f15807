/* SPDX-License-Identifier: MIT */
/*
 * The part of a copy about superslabs: their table, records and bitmaps.
 */
#ifndef HAK_CLI_TABLE_H
#define HAK_CLI_TABLE_H

#include "heap/view.h"

/* Copy the table of superslabs, the records and the bitmaps. False: see the target's error. */
bool heap_table_read(struct heap_view *view);
void heap_table_free(struct heap_view *view);
/* A superslab (index below count), and its records or NULL. */
const union seen_superslab *heap_superslab(const struct heap_view *view, size_t index);
struct record_view *heap_records(const struct heap_view *view, size_t index);
/* How many superslabs from `index` on have only zeros in the table. One call may not count all. */
size_t heap_unused(const struct heap_view *view, size_t index);
/* Is this the record of a run of blocks, in its right place? */
bool heap_is_block_run(const struct heap_view *view, size_t index, unsigned number);

#endif
