/* SPDX-License-Identifier: MIT */
/*
 * The table of settings (HAK_SETTINGS) as rows, and the values of a row as text. The library reads
 * its environment with it, and the command `hakmem` its arguments.
 */
#ifndef HAK_OS_SETTING_ROWS_H
#define HAK_OS_SETTING_ROWS_H

#include "os/os.h"

#define SETTING_PREFIX "HAKMEM_"

/* Purpose: one row of the table. Immutable. */
struct setting_row {
    const char *name; /* without the prefix */
    enum setting_kind kind;
    int64_t initial;
    int64_t min;
    int64_t max;
    size_t offset; /* in struct settings */
};

#define SETTING_ONE(...) +1
#define SETTING_ROWS ((size_t)(HAK_SETTINGS(SETTING_ONE)))
extern const struct setting_row setting_rows[SETTING_ROWS];

/* The row of a setting of HAK_LIVE_SETTINGS; NULL when `live` is no member of it. */
const struct setting_row *setting_live_row(unsigned live);

/* Purpose: a word that stands for a value of one kind. Immutable. */
struct setting_word {
    enum setting_kind kind;
    const char *text;
    int64_t value;
};
#define SETTING_WORDS 8
extern const struct setting_word setting_words[SETTING_WORDS];
bool setting_has_word(const struct setting_row *row, const struct setting_word *word);

/* Purpose: the text of a value, or of a range of values. */
struct setting_text {
    char bytes[128];
};

/* The value of the text. False when the text is not of the row's kind, or out of its range. */
bool setting_parse(const struct setting_row *row, const char *text, int64_t *value);
/* A value as setting_parse reads it: 64M, 50%, auto. A path has no such text. */
struct setting_text setting_write(const struct setting_row *row, int64_t value);
/* The range of values: "0 to 1G". */
struct setting_text setting_range(const struct setting_row *row);
/* The same with the unit: "bytes (K, M or G may follow), 0 to 1G". */
struct setting_text setting_expectation(const struct setting_row *row);

#endif
