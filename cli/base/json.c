/* SPDX-License-Identifier: MIT */
/*
 * A reader of JSON by recursive descent, strict but for the text of numbers and strings, which is
 * the caller's to judge. Called by snapshot.c.
 */
#include "base/json.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define DEPTH_MAX 16
#define PATH_ROOM 160

struct reader {
    const char *at;
    const char *end;
    void (*visit)(void *context, const struct json_value *value);
    void *context;
    char path[PATH_ROOM];
    unsigned depth;
};

static enum json_end read_value(struct reader *reader);

/* The next byte that is no space; 0 at the end. */
static char peek(struct reader *reader)
{
    while (reader->at < reader->end && strchr(" \t\r\n", *reader->at) && *reader->at)
        reader->at++;
    return reader->at < reader->end ? *reader->at : '\0';
}

static enum json_end fail(const struct reader *reader)
{
    return reader->at < reader->end ? JSON_BAD : JSON_CUT;
}

static bool take(struct reader *reader, char byte)
{
    if (peek(reader) != byte || byte == '\0')
        return false;
    reader->at++;
    return true;
}

static void tell(const struct reader *reader, enum json_kind kind, const char *text, size_t length)
{
    const struct json_value value = {reader->path, kind, text, length};
    reader->visit(reader->context, &value);
}

/* A string's bytes, behind its first quote. */
static enum json_end read_string(struct reader *reader, const char **text, size_t *length)
{
    *text = reader->at;
    while (reader->at < reader->end && *reader->at != '"') {
        if ((unsigned char)*reader->at < ' ')
            return JSON_BAD;
        reader->at += *reader->at == '\\' && reader->end - reader->at > 1 ? 2 : 1;
    }
    if (reader->at == reader->end)
        return JSON_CUT;
    *length = (size_t)(reader->at - *text);
    reader->at++;
    return JSON_GOOD;
}

/* A member's value, or an element's: its name is added to the path meanwhile. */
static enum json_end read_part(struct reader *reader, const char *name, size_t length)
{
    size_t before = strlen(reader->path);
    snprintf(reader->path + before, PATH_ROOM - before, "%s%.*s", before ? "." : "",
             length < PATH_ROOM ? (int)length : PATH_ROOM, name);
    enum json_end end = read_value(reader);
    reader->path[before] = '\0';
    return end;
}

static enum json_end read_member(struct reader *reader)
{
    const char *name;
    size_t length;
    if (!take(reader, '"'))
        return fail(reader);
    enum json_end end = read_string(reader, &name, &length);
    if (end != JSON_GOOD)
        return end;
    return take(reader, ':') ? read_part(reader, name, length) : fail(reader);
}

static enum json_end read_element(struct reader *reader, size_t index)
{
    char name[24];
    int length = snprintf(name, sizeof name, "%zu", index);
    return read_part(reader, name, (size_t)length);
}

/* The members of an object or the elements of an array, behind the bracket that opens it. */
static enum json_end read_parts(struct reader *reader, char closing)
{
    if (take(reader, closing))
        return JSON_GOOD;
    for (size_t index = 0;; index++) {
        enum json_end end = closing == '}' ? read_member(reader) : read_element(reader, index);
        if (end != JSON_GOOD)
            return end;
        if (take(reader, closing))
            return JSON_GOOD;
        if (!take(reader, ','))
            return fail(reader);
    }
}

static enum json_end read_plain(struct reader *reader)
{
    const char *text = reader->at;
    while (reader->at < reader->end &&
           (isalnum((unsigned char)*reader->at) || strchr("+-.", *reader->at)) && *reader->at)
        reader->at++;
    size_t length = (size_t)(reader->at - text);
    if (length == 0)
        return fail(reader);
    tell(reader, isalpha((unsigned char)text[0]) ? JSON_WORD : JSON_NUMBER, text, length);
    return JSON_GOOD;
}

static enum json_end read_value(struct reader *reader)
{
    const char *text;
    size_t length;
    char first = peek(reader);
    if (first == '{' || first == '[') {
        if (reader->depth == DEPTH_MAX)
            return JSON_BAD;
        reader->at++;
        reader->depth++;
        enum json_end end = read_parts(reader, first == '{' ? '}' : ']');
        reader->depth--;
        return end;
    }
    if (!take(reader, '"'))
        return read_plain(reader);
    enum json_end end = read_string(reader, &text, &length);
    if (end == JSON_GOOD)
        tell(reader, JSON_STRING, text, length);
    return end;
}

enum json_end json_read(const char *text, size_t size,
                        void (*visit)(void *context, const struct json_value *value), void *context)
{
    struct reader reader = {
        .at = text, .end = text + size, .visit = visit, .context = context, .path = "", .depth = 0};
    enum json_end end = read_value(&reader);
    if (end == JSON_GOOD && (peek(&reader) || reader.at < reader.end))
        return JSON_BAD;
    return end;
}
