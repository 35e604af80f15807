/* SPDX-License-Identifier: MIT */
/*
 * Owns the text of settings' values: the only parser of it, and the words that describe valid
 * values. The command `hakmem` is built with this file too. Uses no stdio and no locale, and
 * allocates nothing.
 */
#include "os/setting_rows.h"

#include <string.h>

const struct setting_row setting_rows[SETTING_ROWS] = {
#define X(field, name, kind, initial, min, max, help)                                              \
    {name,           KIND_##kind,    (int64_t)(initial),                                           \
     (int64_t)(min), (int64_t)(max), offsetof(struct settings, field)},
    HAK_SETTINGS(X)
#undef X
};

const struct setting_row *setting_live_row(unsigned live)
{
    static const size_t offsets[LIVE_COUNT] = {
#define X(field) offsetof(struct settings, field),
        HAK_LIVE_SETTINGS(X)
#undef X
    };
    for (size_t i = 0; i < SETTING_ROWS; i++)
        if (live < LIVE_COUNT && setting_rows[i].offset == offsets[live])
            return &setting_rows[i];
    return NULL;
}

const struct setting_word setting_words[SETTING_WORDS] = {
    {KIND_PREFAULT, "auto", PREFAULT_AUTO},    {KIND_CHOICE, "auto", CHOICE_AUTO},
    {KIND_PAGES, "off", HUGE_PAGES_OFF},       {KIND_PAGES, "auto", HUGE_PAGES_AUTO},
    {KIND_PAGES, "always", HUGE_PAGES_ALWAYS}, {KIND_WHEN, "exit", WHEN_EXIT},
    {KIND_WHEN, "interval", WHEN_INTERVAL},    {KIND_BYTES, "none", 0},
};

/* A row of bytes whose minimum is below 0 can also be a percentage or "none". */
static bool has_percent(const struct setting_row *row)
{
    return row->kind == KIND_BYTES && row->min < 0;
}

bool setting_has_word(const struct setting_row *row, const struct setting_word *word)
{
    return row->kind == word->kind && (row->kind != KIND_BYTES || has_percent(row));
}

/* ---- values from text ---- */

static bool parse_digits(const char **text, int64_t *out)
{
    bool negative = **text == '-';
    const char *at = *text + negative;
    int64_t value = 0;
    if (*at < '0' || *at > '9')
        return false;
    for (; *at >= '0' && *at <= '9'; at++)
        if (__builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, *at - '0', &value))
            return false;
    *out = negative ? -value : value;
    *text = at;
    return true;
}

static bool parse_suffix(const struct setting_row *row, const char **text, int64_t *value)
{
    if (has_percent(row) && **text == '%') {
        *text += 1;
        *value = -*value;
        return *value < 0;
    }
    static const char suffixes[] = "KkMmGg";
    const char *found = **text ? strchr(suffixes, **text) : NULL;
    if (!found)
        return true;
    *text += 1;
    return !__builtin_mul_overflow(*value, (int64_t)1 << (10 * ((found - suffixes) / 2 + 1)),
                                   value);
}

/* The largest value that may be written as a number. */
static int64_t largest_number(const struct setting_row *row)
{
    _Static_assert(PREFAULT_AUTO == PREFAULT_TOUCH + 1 && CHOICE_AUTO == CHOICE_YES + 1,
                   "auto is the last value of each, and has no number");
    return row->kind == KIND_PREFAULT || row->kind == KIND_CHOICE ? row->max - 1 : row->max;
}

bool setting_parse(const struct setting_row *row, const char *text, int64_t *value)
{
    for (size_t i = 0; i < SETTING_WORDS; i++)
        if (setting_has_word(row, &setting_words[i]) && strcmp(text, setting_words[i].text) == 0) {
            *value = setting_words[i].value;
            return true;
        }
    if (!parse_digits(&text, value))
        return false;
    if (row->kind == KIND_BYTES && (*value < 0 || !parse_suffix(row, &text, value)))
        return false;
    return *text == '\0' && *value >= row->min && *value <= largest_number(row);
}

/* ---- values as text ---- */

/* 64M, 1024G, 50% */
static struct setting_text bytes_text(int64_t value)
{
    static const char *const suffixes[] = {"", "K", "M", "G"};
    struct setting_text text;
    unsigned step = 0;
    if (value < 0) {
        text_format(text.bytes, sizeof(text.bytes), "%lu%%", 0 - (uint64_t)value);
        return text;
    }
    for (; step < 3 && value > 0 && value % 1024 == 0; step++)
        value /= 1024;
    text_format(text.bytes, sizeof(text.bytes), "%ld%s", (long)value, suffixes[step]);
    return text;
}

struct setting_text setting_write(const struct setting_row *row, int64_t value)
{
    struct setting_text text = {"none"};
    if (row->kind == KIND_TEXT)
        return text;
    for (size_t i = 0; i < SETTING_WORDS; i++)
        if (setting_has_word(row, &setting_words[i]) && value == setting_words[i].value) {
            text_format(text.bytes, sizeof(text.bytes), "%s", setting_words[i].text);
            return text;
        }
    if (row->kind == KIND_BYTES)
        return bytes_text(value);
    text_format(text.bytes, sizeof(text.bytes), "%ld", (long)value);
    return text;
}

struct setting_text setting_range(const struct setting_row *row)
{
    struct setting_text text;
    switch (row->kind) {
    case KIND_FLAG: return (struct setting_text){"0 or 1"};
    case KIND_PREFAULT: return (struct setting_text){"0, 1, 2 or auto"};
    case KIND_CHOICE: return (struct setting_text){"auto, 0 or 1"};
    case KIND_PAGES: return (struct setting_text){"off, auto or always"};
    case KIND_WHEN: return (struct setting_text){"exit, interval or 0"};
    case KIND_TEXT: return (struct setting_text){"a path"};
    default: break;
    }
    if (has_percent(row))
        text_format(text.bytes, sizeof(text.bytes), "0 to %s, 1%% to %s, none",
                    bytes_text(row->max).bytes, bytes_text(row->min).bytes);
    else
        text_format(text.bytes, sizeof(text.bytes), "%s to %s", setting_write(row, row->min).bytes,
                    setting_write(row, row->max).bytes);
    return text;
}

struct setting_text setting_expectation(const struct setting_row *row)
{
    const char *unit = row->kind == KIND_NUMBER   ? "a number, "
                       : row->kind == KIND_BYTES  ? "bytes (K, M or G may follow), "
                       : row->kind == KIND_MILLIS ? "milliseconds, "
                                                  : "";
    struct setting_text text;
    text_format(text.bytes, sizeof(text.bytes), "%s%s", unit, setting_range(row).bytes);
    return text;
}
